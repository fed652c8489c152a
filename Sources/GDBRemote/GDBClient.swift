internal import Glibc
internal import NIOCore
internal import NIOPosix
@_exported public import SocketTransport
internal import Synchronization

/// Where a GDB stub listens.
public typealias GDBAddress = StreamAddress

/// A connection to a GDB stub: QEMU's, gdbserver's, or any other that keeps to the protocol.
///
/// Requests go out in the order of the calls. QEMU stops its guest when a client connects; ``detach(leavingRunning:)`` says
/// how to leave it.
public final class GDBClient: Sendable {
    /// How to connect.
    public struct Options: Sendable {
        /// How long any single answer may take.
        public var timeout = Duration.seconds(10)
        /// How many requests may be on their way at once.
        public var window = 32

        /// The usual limits.
        public init() {}
    }

    /// What connecting showed.
    public let attachment: GDBAttachment
    /// The stub's process, for a UNIX socket; nil for TCP.
    public let peer: PeerCredentials?
    /// The socket, for a helper that must survive this process; nobody else may read or write it.
    public let socketDescriptor: CInt

    private let channel: any Channel
    private let handler: GDBHandler
    private let timeout: Duration
    private let window: Int
    private let modes = Mutex(Modes())

    /// What we changed at the stub.
    private struct Modes {
        /// Whether it read physical memory when we came; nil until we change it.
        var wasPhysical: Bool?
    }

    /// The most bytes of replies that may be on their way: QEMU's main loop blocks on a client that does not read.
    private static let bytesInFlight = 1 << 16

    private init(
        channel: any Channel, handler: GDBHandler, descriptor: CInt, attachment: GDBAttachment, options: Options
    ) {
        self.channel = channel
        self.handler = handler
        self.attachment = attachment
        peer = PeerCredentials(socket: descriptor)
        socketDescriptor = descriptor
        timeout = options.timeout
        window = options.window
    }

    // MARK: Connecting

    /// Connects and asks what the stub can do.
    ///
    /// - Throws: ``GDBError``; `.busy` where another debugger holds the stub.
    public static func connect(
        to address: GDBAddress, options: Options = Options()
    ) async throws(GDBError) -> GDBClient {
        let descriptor: CInt
        do {
            descriptor = try await SocketConnector.connect(to: address, timeout: options.timeout)
        } catch {
            throw GDBError(error)
        }
        let handler = GDBHandler()
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1 << 17))
                .channelInitializer { $0.pipeline.addHandler(handler) }
                .withConnectedSocket(descriptor).get()
        } catch {
            throw GDBError(.system, "the connection to \(address) could not be set up: \(error)", cause: error)
        }
        do {
            let attachment = try await handshake(channel, handler, options, address)
            return GDBClient(
                channel: channel, handler: handler, descriptor: descriptor, attachment: attachment, options: options)
        } catch {
            handler.finish(on: channel)
            throw error
        }
    }

    private static func handshake(
        _ channel: any Channel, _ handler: GDBHandler, _ options: Options, _ address: GDBAddress
    ) async throws(GDBError) -> GDBAttachment {
        func ask(_ text: String) async throws(GDBError) -> String {
            let reply = try await request(
                Packet.encode(text), channel, handler, options.timeout, what: text)
            return String(decoding: reply, as: UTF8.self)
        }
        let answer: String
        do {
            answer = try await ask("qSupported:multiprocess+;vContSupported+;xmlRegisters=i386;swbreak+;hwbreak+")
        } catch {
            guard error.code == .timeout else { throw error }
            // QEMU takes the connection up when the other debugger has left, and stops the guest for it: what waits in it
            // then lets the guest go. Process 1 is the machine's in every QEMU.
            channel.eventLoop.execute { handler.write(Packet.encode("D;1")) }
            throw GDBError(
                .busy,
                "\(address) took the connection but answers nothing: another debugger holds the stub (it serves one at a "
                    + "time). Detach that one first, or use --qmp without --gdb")
        }
        var features: [String: String] = [:]
        for item in answer.split(separator: ";") {
            if let sign = item.firstIndex(of: "=") {
                features[String(item[..<sign])] = String(item[item.index(after: sign)...])
            } else if let last = item.last {
                features[String(item.dropLast())] = String(last)
            }
        }
        guard !features.isEmpty else {
            throw GDBError(
                .notGDB, "\(address) does not say what it supports (\"\(answer.prefix(60))\"); is it a GDB stub?")
        }
        if features["QStartNoAckMode"] == "+", try await ask("QStartNoAckMode") == "OK" {
            try await handler.stopAcks(on: channel)
        }
        let isQEMU = try await ask("qqemu.sstepbits").hasPrefix("ENABLE=")
        var process: String?
        if isQEMU {
            // QCp1.1 with multiprocess, QC01 without.
            let current = try await ask("qC")
            if current.hasPrefix("QCp") { process = String(current.dropFirst(3).prefix { $0 != "." }) }
        }
        let size = features["PacketSize"].flatMap { Int($0, radix: 16) } ?? 400
        return GDBAttachment(
            features: features, packetSize: min(max(size, 64), 1 << 20), isQEMU: isQEMU,
            stoppedTarget: await handler.stoppedUnasked(on: channel), process: process)
    }

    // MARK: Requests

    private static func request(
        _ packet: [UInt8], _ channel: any Channel, _ handler: GDBHandler, _ timeout: Duration, what: String
    ) async throws(GDBError) -> [UInt8] {
        let reply = PendingReply()
        channel.eventLoop.execute { handler.send([(packet, reply)]) }
        return try await wait(for: reply, channel, timeout, what: what)
    }

    /// Waits for a reply; what comes too late is dropped when it comes, so that the order holds.
    private static func wait(
        for reply: PendingReply, _ channel: any Channel, _ timeout: Duration, what: String
    ) async throws(GDBError) -> [UInt8] {
        let milliseconds = SocketConnector.milliseconds(timeout)
        let limit = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            reply.resolve(
                .failure(
                    GDBError(
                        .timeout,
                        "the GDB stub did not answer '\(what.prefix(40))' within \(Double(milliseconds) / 1000) s; is the "
                            + "guest running again, or QEMU stuck?")))
        }
        let outcome = await withTaskCancellationHandler {
            await reply.value()
        } onCancel: {
            reply.resolve(.failure(.cancelled))
        }
        limit.cancel()
        return try outcome.get()
    }

    /// Sends a packet and waits for its reply, as text.
    ///
    /// The caller knows what the packet does: some end QEMU or resume its guest.
    /// - Throws: ``GDBError``.
    public func request(_ payload: String, timeout: Duration? = nil) async throws(GDBError) -> String {
        let reply = try await GDBClient.request(
            Packet.encode(payload), channel, handler, timeout ?? self.timeout, what: payload)
        return String(decoding: reply, as: UTF8.self)
    }

    /// Runs a command of the stub's own monitor; its output has line feeds as line ends.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for a stub without a monitor.
    public func monitor(_ command: String, timeout: Duration? = nil) async throws(GDBError) -> String {
        let packet = Packet.encode("qRcmd,".utf8 + HexText.encode(command.utf8))
        let reply = try await GDBClient.request(packet, channel, handler, timeout ?? self.timeout, what: command)
        let text = String(decoding: reply, as: UTF8.self)
        if text == "OK" { return "" }
        if text.isEmpty {
            throw GDBError(.refusedByStub(nil), "the stub has no monitor: it is not QEMU's ('\(command)' was asked)")
        }
        if let number = GDBClient.errorNumber(text) {
            throw GDBError(.refusedByStub(number), "the stub refused the monitor command '\(command)' (\(text))")
        }
        // A stub may send its output as the reply itself instead of as console output.
        let bytes = HexText.decode(reply) ?? reply
        return String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
    }

    /// Whether memory is read by physical address.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for stubs other than QEMU's.
    public func isPhysicalMode() async throws(GDBError) -> Bool {
        switch try await request("qqemu.PhyMemMode") {
        case "0": return false
        case "1": return true
        default:
            throw GDBError(.refusedByStub(nil), "the stub has no physical mode; it is not QEMU's, or older than 4.1")
        }
    }

    /// Reads memory by physical address from now on, or by virtual address; ``detach(leavingRunning:)`` puts it back.
    ///
    /// - Throws: ``GDBError``.
    public func setPhysicalMode(_ isPhysical: Bool) async throws(GDBError) {
        let before = try await isPhysicalMode()
        modes.withLock { $0.wasPhysical = $0.wasPhysical ?? before }
        guard before != isPhysical else { return }
        let answer = try await request("Qqemu.PhyMemMode:\(isPhysical ? 1 : 0)")
        guard answer == "OK" else {
            throw GDBError(
                .refusedByStub(GDBClient.errorNumber(answer)), "the stub refused its physical mode (\(answer))")
        }
    }

    // MARK: Memory

    /// Fills `buffer` with the target's memory, many requests at once.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for memory that the stub cannot read. A cancelled read waits for what is on
    ///   its way and leaves the connection usable.
    public func readMemory(
        at address: UInt64, into buffer: UnsafeMutableRawBufferPointer
    ) async throws(GDBError) {
        guard !buffer.isEmpty else { return }
        let chunk = max(16, attachment.isQEMU ? attachment.packetSize / 2 : (attachment.packetSize - 4) / 2)
        let inFlight = min(max(1, GDBClient.bytesInFlight / chunk), max(1, window))
        var pending = CircularBuffer<(offset: Int, count: Int, reply: PendingReply)>()
        var sent = 0
        var failure: GDBError?
        while sent < buffer.count || !pending.isEmpty {
            if failure == nil, Task.isCancelled { failure = .cancelled }
            // Half a window at once: one write, and the stub never runs dry.
            if failure == nil, sent < buffer.count, pending.count <= inFlight / 2 {
                var batch: [(packet: [UInt8], reply: PendingReply)] = []
                while sent < buffer.count, pending.count < inFlight {
                    let count = min(chunk, buffer.count - sent)
                    let reply = PendingReply()
                    let place = String(address &+ UInt64(sent), radix: 16)
                    batch.append((Packet.encode("m\(place),\(String(count, radix: 16))"), reply))
                    pending.append((sent, count, reply))
                    sent += count
                }
                let handler = handler
                let requests = batch
                channel.eventLoop.execute { handler.send(requests) }
            }
            guard let next = pending.popFirst() else { break }
            // In a cancelled task a wait would end at once, and the reply would meet the next request.
            let outcome = await drain(next.reply)
            guard failure == nil else { continue }
            do throws(GDBError) {
                let reply = try outcome.get()
                try store(
                    reply, at: address &+ UInt64(next.offset), into: buffer, offset: next.offset, count: next.count)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Waits for a reply whatever happens to the task, but not for ever.
    private func drain(_ reply: PendingReply) async -> Result<[UInt8], GDBError> {
        let milliseconds = SocketConnector.milliseconds(timeout)
        let limit = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            reply.resolve(
                .failure(
                    GDBError(
                        .timeout,
                        "the GDB stub did not answer a read within \(Double(milliseconds) / 1000) s; is QEMU stuck?")))
        }
        let outcome = await reply.value()
        limit.cancel()
        return outcome
    }

    private func store(
        _ reply: [UInt8], at address: UInt64, into buffer: UnsafeMutableRawBufferPointer, offset: Int, count: Int
    ) throws(GDBError) {
        if reply.count == count * 2 {
            let target = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + count)])
            if reply.withUnsafeBytes({ HexText.decode($0, into: target) }) { return }
        }
        let text = String(decoding: reply.prefix(60), as: UTF8.self)
        let place = "0x" + String(address, radix: 16)
        if let number = GDBClient.errorNumber(text) {
            throw GDBError(.refusedByStub(number), "the stub cannot read \(count) bytes at \(place) (\(text))")
        }
        // Its last word: the exit status, or the signal.
        if reply.count < count * 2, text.hasPrefix("W") || text.hasPrefix("X") {
            throw GDBError(.disconnected, "the guest ended while \(count) bytes at \(place) were read (\(text))")
        }
        throw GDBError(
            .malformed,
            "the stub answered a read of \(count) bytes at \(place) with \(reply.count) characters: \"\(text)\"")
    }

    private static func errorNumber(_ text: String) -> Int? {
        guard text.count == 3, text.hasPrefix("E") else { return nil }
        return Int(text.dropFirst(), radix: 16)
    }

    // MARK: Leaving

    /// Puts the stub back as it was and closes the connection; the guest runs afterwards, or stays stopped.
    ///
    /// QEMU resumes at every detach, so that a guest that is to stay stopped is left by closing only.
    public func detach(leavingRunning: Bool) async throws(GDBError) {
        defer { handler.finish(on: channel) }
        if modes.withLock({ $0.wasPhysical }) == false {
            _ = try? await request("Qqemu.PhyMemMode:0", timeout: .seconds(2))
        }
        if leavingRunning || !attachment.isQEMU {
            let answer = try await request(detachPayload, timeout: .seconds(3))
            guard answer == "OK" else {
                throw GDBError(.refusedByStub(GDBClient.errorNumber(answer)), "the stub refused to detach (\(answer))")
            }
        }
    }

    /// With several processes negotiated the stub wants to know which; an unknown one crashes QEMU.
    private var detachPayload: String { attachment.process.map { "D;\($0)" } ?? "D" }

    /// What a helper process writes to the socket if we are killed: the packets that put the stub back.
    public func resumeBytes(leavingRunning: Bool) -> [UInt8] {
        // An end for a packet that may be half sent.
        var bytes: [UInt8] = Array("#00".utf8)
        if attachment.isQEMU { bytes += Packet.encode("Qqemu.PhyMemMode:0") }
        if leavingRunning { bytes += Packet.encode(detachPayload) }
        return bytes
    }
}

extension GDBHandler {
    func finish(on channel: any Channel) {
        channel.eventLoop.execute {
            self.end(GDBError(.disconnected, "the connection to the GDB stub was closed from this side"))
        }
    }

    func stoppedUnasked(on channel: any Channel) async -> Bool {
        (try? await channel.eventLoop.submit { self.stoppedUnasked }.get()) ?? false
    }

    func stopAcks(on channel: any Channel) async throws(GDBError) {
        do {
            // The reply that turned acks off is itself acknowledged.
            try await channel.eventLoop.submit {
                self.write([0x2B])
                self.usesAcks = false
            }.get()
        } catch {
            throw GDBError(.disconnected, "the connection to the GDB stub broke: \(error)", cause: error)
        }
    }
}

extension GDBError {
    init(_ error: TransportError) {
        let code: Code =
            switch error.code {
            case .noSuchSocket: .noSuchSocket
            case .refused: .refused
            case .permission: .permission
            case .busy: .busy
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .usage: .usage
            case .system: .system
            }
        self.init(code, error.message, cause: error)
    }
}
