/// What is asked of a stub before anything else.
struct Handshake {
    let link: StubLink
    let address: GDBAddress
    let options: GDBClient.Options

    /// What is taken for the longest packet where the stub does not say it: GDB's own assumption for `g`.
    private static let defaultPacketSize = 400
    /// The most that is believed.
    private static let largestPacketSize = 1 << 20

    func perform() async throws(GDBError) -> GDBAttachment {
        let supported = QuerySupported(usesProcesses: options.usesProcesses)
        let (features, text) = try await askFeatures(supported)
        let packetSize = features["PacketSize"].flatMap { HexText.number($0) }.flatMap { Int(exactly: $0) }
        var isAcknowledging = true
        if features["QStartNoAckMode"] == "+", try await link.ask(StartNoAckMode()) {
            isAcknowledging = false
            _ = await link.onLoop { $0.stopAcks() }
        }
        let isQEMU = try await link.ask(QueryStepFlags())
        if isQEMU || !isAcknowledging {
            let probe = Packet.encode(supported.payload)
            let window = options.window
            _ = await link.onLoop { $0.startPipelining(window: window, probe: (probe, text)) }
        }
        let thread = try await link.ask(QueryCurrentThread())
        var attachment = GDBAttachment(
            features: features,
            packetSize: min(max(packetSize ?? Handshake.defaultPacketSize, 64), Handshake.largestPacketSize),
            isQEMU: isQEMU, stoppedTarget: false, process: thread?.process, thread: thread, stop: nil,
            isAcknowledging: isAcknowledging, memoryForm: .digits)
        if !isQEMU {
            attachment.stop = try await link.ask(QueryHaltReason(), expectsStop: true)
            if features["binary-upload"] == "+" {
                attachment.memoryForm = .markedBytes
            } else {
                attachment.memoryForm = try await link.ask(ProbeBinaryMemory())
            }
        }
        attachment.stoppedTarget = await link.onLoop { $0.stoppedUnasked } ?? false
        return attachment
    }

    private func askFeatures(_ request: QuerySupported) async throws(GDBError) -> ([String: String], [UInt8]) {
        let raw: StubAnswer
        do {
            raw = try await link.ask(RawRequest(text: String(decoding: request.payload, as: UTF8.self)))
        } catch {
            guard error.code == .timeout else { throw error }
            throw GDBError(
                .busy,
                "\(address) took the connection but answers nothing: another debugger holds the stub (it serves one at a "
                    + "time). Detach that one first, or use --qmp without --gdb")
        }
        let features = try request.decode(raw)
        // An old stub may not know the question at all, but then it says so with an empty reply.
        // What repeats the question is an echo, or another debugger.
        guard !features.isEmpty || raw.isUnknown, !raw.text.hasPrefix("qSupported") else {
            throw GDBError(
                .notGDB, "\(address) does not say what it supports (\"\(raw.excerpt)\"); is it a GDB stub?")
        }
        return (features, raw.payload)
    }
}
