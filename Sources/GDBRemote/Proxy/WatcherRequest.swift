/// What a packet of a read-only client is: answered here, passed on, or refused.
enum WatcherRequest: Hashable, Sendable {
    /// Goes to the stub, with the client's own thread and memory mode.
    case forward(ControlRequest.Answer)
    /// The thread of the client's registers and memory.
    case selectThread
    /// Sets the client's memory mode.
    case setPhysical(Bool)
    /// Asks for it.
    case queryPhysical
    /// The first part of the list of threads.
    case firstThreads
    /// The next part.
    case nextThreads
    /// What the stub can do.
    case features
    /// Why the target stands still; QEMU itself would remove all breakpoints for it.
    case haltReason
    /// A line for the monitor that only asks.
    case monitor
    /// No acknowledgements from now on, on this hop.
    case noAcks
    /// The client leaves in order.
    case detach
    /// The client wants the target to end; it only leaves.
    case leave
    /// Answered as it is.
    case reply(String)

    /// Why a request is refused, in the protocol's form for words.
    static let refusal = "E.this client only watches: another one controls the guest"

    /// Looks at a packet.
    init(_ packet: RawPacket) {
        switch packet.payload.first {
        case 0x6D, 0x67, 0x70, 0x54: self = .forward(.single)
        case 0x78: self = .forward(.bytes)
        case 0x3F: self = .haltReason
        case 0x44: self = .detach
        case 0x6B: self = .leave
        // QEMU agrees to -1, and does nothing.
        case 0x48: self = packet.begins(with: "Hg") && !packet.payload.contains(0x2D) ? .selectThread : .reply("OK")
        case 0x71: self = WatcherRequest.query(packet)
        case 0x51: self = WatcherRequest.setting(packet)
        case 0x76: self = WatcherRequest.verbose(packet)
        // Continue, step, write, breakpoints, restart, reset, file answers.
        case 0x63, 0x43, 0x73, 0x53, 0x62, 0x69, 0x49, 0x4D, 0x58, 0x47, 0x50, 0x5A, 0x7A, 0x52, 0x72, 0x46:
            self = .reply(WatcherRequest.refusal)
        default: self = .reply("")
        }
    }

    private static func query(_ packet: RawPacket) -> WatcherRequest {
        if packet.begins(with: "qSupported") { return .features }
        if packet.equals("qfThreadInfo") { return .firstThreads }
        if packet.equals("qsThreadInfo") { return .nextThreads }
        if packet.equals("qqemu.PhyMemMode") { return .queryPhysical }
        if packet.equals("qAttached") || packet.begins(with: "qAttached:") { return .reply("1") }
        if packet.begins(with: "qXfer:") {
            return packet.payload.dropFirst(6).contains(sequence: ":read:".utf8) ? .forward(.bytes) : .reply("")
        }
        if let line = MonitorLine(packet) {
            return line.isHarmless ? .monitor : .reply(refusal)
        }
        if packet.equals("qC") || packet.begins(with: "qThreadExtraInfo,") || packet.begins(with: "qqemu.") {
            return .forward(.single)
        }
        return .reply("")
    }

    private static func setting(_ packet: RawPacket) -> WatcherRequest {
        if packet.equals("Qqemu.PhyMemMode:0") { return .setPhysical(false) }
        if packet.equals("Qqemu.PhyMemMode:1") { return .setPhysical(true) }
        if packet.equals("QStartNoAckMode") { return .noAcks }
        return .reply(packet.begins(with: "Qqemu.") ? refusal : "")
    }

    private static func verbose(_ packet: RawPacket) -> WatcherRequest {
        if packet.equals("vCont?") { return .forward(.single) }
        if packet.begins(with: "vKill") { return .leave }
        if packet.equals("vMustReplyEmpty") { return .reply("") }
        if packet.begins(with: "vCont") || packet.begins(with: "vRun") || packet.begins(with: "vAttach") {
            return .reply(refusal)
        }
        return .reply("")
    }
}

extension ArraySlice<UInt8> {
    /// Whether bytes stand somewhere in these.
    fileprivate func contains(sequence: some Collection<UInt8>) -> Bool {
        indices.contains { self[$0...].starts(with: sequence) }
    }
}
