/// Why the target stopped, as its stub says it.
///
/// GDB manual, appendix "GDB Remote Serial Protocol", section "Stop Reply Packets".
public struct StopReply: Hashable, Sendable {
    /// What happened.
    public enum Event: Hashable, Sendable {
        /// It stopped with a signal in GDB's numbering: 5 for breakpoints and steps, 2 for an interruption.
        case stopped(signal: UInt8)
        /// Its process returned this status.
        case exited(status: UInt64)
        /// This signal ended its process.
        case terminated(signal: UInt8)
        /// No thread is left that could run.
        case nothingRuns
    }

    /// What the stop has to do with breakpoints.
    public enum Reason: Hashable, Sendable {
        /// A software breakpoint.
        case softwareBreakpoint
        /// A hardware breakpoint.
        case hardwareBreakpoint
        /// A watchpoint of this kind, and the address that was touched.
        case watchpoint(Breakpoint.Kind, address: UInt64)
        /// Another of the protocol's reasons, by its name: `fork`, `library`, and so on.
        case other(String)
    }

    /// What happened.
    public var event: Event
    /// The thread that stopped, where the stub says it.
    public var thread: ThreadID?
    /// The processor it was on, where the stub says it.
    public var core: Int?
    /// The process that ended, where the stub says it.
    public var process: UInt64?
    /// What stopped it, where the stub says it; QEMU says it of watchpoints only.
    public var reason: Reason?
    /// Registers that came along, by number: bytes in the target's order.
    public var registers: [Int: [UInt8]] = [:]

    /// A stop reply with nothing but its event.
    public init(_ event: Event) { self.event = event }

    /// Whether the target still exists.
    public var isAlive: Bool {
        switch event {
        case .stopped, .nothingRuns: true
        case .exited, .terminated: false
        }
    }

    /// Whether a payload looks like a stop: `T05…`, `S05`, `W00`, `X09`.
    static func isStop(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard payload.count >= 3, HexText.value(payload[1]) != nil, HexText.value(payload[2]) != nil else {
            return false
        }
        switch payload[0] {
        case 0x54: return true
        case 0x53: return payload.count == 3
        case 0x57, 0x58: return payload.count == 3 || payload[3] == 0x3B
        default: return false
        }
    }

    /// Reads the payload of a stop reply; what is new to us in it is passed over.
    ///
    /// - Throws: ``GDBError`` with code `.malformed`.
    public init(decoding payload: [UInt8]) throws(GDBError) {
        let text = String(decoding: payload, as: UTF8.self)
        if text == "N" {
            self.init(.nothingRuns)
            return
        }
        let fields = text.dropFirst().split(separator: ";", omittingEmptySubsequences: false)
        guard let letter = text.first,
            let number = fields.first.flatMap({ HexText.number($0.prefix(letter == "T" ? 2 : 16)) })
        else { throw StopReply.malformed(text) }
        switch letter {
        case "S" where number < 256: self.init(.stopped(signal: UInt8(number)))
        case "T":
            self.init(.stopped(signal: UInt8(truncatingIfNeeded: number)))
            for field in text.dropFirst(3).split(separator: ";").prefix(1024) { take(field) }
        case "W":
            self.init(.exited(status: number))
            takeProcess(fields.dropFirst())
        case "X" where number < 256:
            self.init(.terminated(signal: UInt8(number)))
            takeProcess(fields.dropFirst())
        default: throw StopReply.malformed(text)
        }
    }

    private static func malformed(_ text: String) -> GDBError {
        GDBError(.malformed, "the stub sent a stop reply that makes no sense: \"\(text.prefix(60))\"")
    }

    private mutating func takeProcess(_ fields: some Sequence<Substring>) {
        for field in fields where field.hasPrefix("process:") { process = HexText.number(field.dropFirst(8)) }
    }

    /// Takes one `name:value` of a `T` packet.
    private mutating func take(_ field: Substring) {
        guard let colon = field.firstIndex(of: ":") else { return }
        let name = field[..<colon]
        let value = field[field.index(after: colon)...]
        func watch(_ kind: Breakpoint.Kind) {
            if let address = HexText.number(value) { reason = .watchpoint(kind, address: address) }
        }
        switch name {
        case "thread": thread = ThreadID(value)
        case "core": core = HexText.number(value).flatMap { Int(exactly: $0) }
        case "watch": watch(.write)
        case "rwatch": watch(.read)
        case "awatch": watch(.access)
        case "swbreak": reason = .softwareBreakpoint
        case "hwbreak": reason = .hardwareBreakpoint
        default:
            // Hexadecimal names are registers; others are reasons, now or in a later version of the protocol.
            if let number = HexText.number(name) {
                guard number < 1 << 16, registers.count < 256, let bytes = HexText.decode(Array(value.utf8)) else {
                    return
                }
                registers[Int(number)] = bytes
            } else if reason == nil {
                reason = .other(String(name))
            }
        }
    }
}
