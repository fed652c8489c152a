/// What a packet of the controlling client is, as far as its way through the proxy depends on it.
struct ControlRequest: Hashable, Sendable {
    /// What comes back.
    enum Answer: Hashable, Sendable {
        /// Nothing.
        case none
        /// One packet.
        case single
        /// One packet that may be a stop reply.
        case stop
        /// One packet of any bytes, which may look like anything.
        case bytes
        /// Console output, then one packet.
        case monitor
        /// The target runs; a stop reply comes when it stops.
        case run
    }

    /// What it changes at the stub once that agreed.
    enum Effect: Hashable, Sendable {
        /// Whether memory packets take physical addresses.
        case physicalMode(Bool)
        /// The thread of registers and memory.
        case thread([UInt8])
        /// A breakpoint is set, named by what follows the `Z`.
        case setBreakpoint([UInt8])
        /// A breakpoint is removed.
        case clearBreakpoint([UInt8])
        /// QEMU removes all breakpoints when it is asked why it stands still.
        case clearAllBreakpoints
        /// The client leaves, and the target runs.
        case detach
        /// Packets are no longer acknowledged.
        case noAcks
        /// The answer says what the stub can do; from now on QEMU names processes, where they were asked for.
        case features(usesProcesses: Bool)
        /// The answer is a part of the list of threads.
        case threads
        /// The monitor let the guest run.
        case monitorResumes
    }

    var answer: Answer
    var effect: Effect?

    /// Looks at a packet.
    init(_ packet: RawPacket) {
        let payload = packet.payload
        answer = .single
        switch payload.first {
        // Continue, step; backwards too.
        case 0x63, 0x43, 0x73, 0x53: answer = .run
        case 0x62 where packet.equals("bc") || packet.equals("bs"): answer = .run
        // A file answer lets QEMU's guest go on.
        case 0x46: answer = .run
        // Kill and restart.
        case 0x6B, 0x52: answer = .none
        case 0x78: answer = .bytes
        case 0x3F: (answer, effect) = (.stop, .clearAllBreakpoints)
        case 0x44: effect = .detach
        case 0x5A: effect = .setBreakpoint(ControlRequest.key(payload))
        case 0x7A: effect = .clearBreakpoint(ControlRequest.key(payload))
        case 0x48 where ControlRequest.namesOneThread(payload): effect = .thread(Array(payload))
        case 0x76: verbose(packet)
        case 0x51: setting(packet)
        case 0x71: query(packet)
        default: break
        }
    }

    private mutating func verbose(_ packet: RawPacket) {
        if packet.begins(with: "vCont;") { answer = .run }
        if packet.begins(with: "vRun") || packet.begins(with: "vAttach") { answer = .stop }
        if packet.begins(with: "vFile:") { answer = .bytes }
    }

    private mutating func setting(_ packet: RawPacket) {
        if packet.equals("Qqemu.PhyMemMode:0") { effect = .physicalMode(false) }
        if packet.equals("Qqemu.PhyMemMode:1") { effect = .physicalMode(true) }
        if packet.equals("QStartNoAckMode") { effect = .noAcks }
    }

    private mutating func query(_ packet: RawPacket) {
        if packet.begins(with: "qSupported") {
            effect = .features(
                usesProcesses: packet.payload.dropFirst(11).split(separator: 0x3B).contains {
                    $0.elementsEqual("multiprocess+".utf8)
                })
        }
        if packet.equals("qfThreadInfo") || packet.equals("qsThreadInfo") { effect = .threads }
        if packet.begins(with: "qXfer:") { answer = .bytes }
        guard let command = MonitorLine(packet) else { return }
        answer = .monitor
        if command.resumes { effect = .monitorResumes }
    }

    /// The part of a breakpoint's packet that its removal repeats: kind, address, length, without conditions.
    private static func key(_ payload: ArraySlice<UInt8>) -> [UInt8] {
        Array(payload.dropFirst().prefix { $0 != 0x3B })
    }

    /// Whether an `Hg` selects a thread: QEMU agrees to -1 and does nothing.
    private static func namesOneThread(_ payload: ArraySlice<UInt8>) -> Bool {
        payload.starts(with: "Hg".utf8) && !payload.contains(0x2D)
    }
}
