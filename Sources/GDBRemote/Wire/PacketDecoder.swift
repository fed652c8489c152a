/// Cuts a stream of bytes into packets, whatever fragments it comes in; escapes and run-length encoding are undone.
///
/// One decoder reads one direction of a connection: what a stub sends, or what a debugger sends to a stub.
struct PacketDecoder: Sendable {
    /// Who sends the stream.
    enum Sender: Hashable, Sendable {
        /// The stub: `*` starts a run.
        case stub
        /// The debugger: `*` is a character like any other, and a byte 3 between packets interrupts the target.
        case debugger
    }

    /// What came in; payloads may be read during the call only.
    enum Event {
        /// A packet's payload.
        case packet(UnsafeRawBufferPointer)
        /// A notification's payload.
        case notification(UnsafeRawBufferPointer)
        /// The other side got our packet.
        case ack
        /// The other side wants our packet again.
        case nack
        /// The debugger wants the target to stop.
        case interrupt
        /// A packet with a wrong checksum.
        case broken
    }

    /// The longest payload that is accepted, in bytes.
    static let limit = 4 << 20

    private enum State: Hashable, Sendable {
        case idle
        case payload
        case escape
        case run
        case checksumHigh
        case checksumLow(UInt8?)
    }

    private let sender: Sender
    private var state = State.idle
    private var isNotification = false
    private var payload: [UInt8] = []
    private var sum: UInt8 = 0
    /// Bytes outside of packets that are neither acks nor anything else of the protocol.
    private(set) var strayCount = 0

    /// A decoder between packets.
    init(from sender: Sender = .stub) { self.sender = sender }

    /// Takes a fragment.
    ///
    /// - Throws: ``GDBError`` with code `.malformed` where a packet is longer than the limit.
    mutating func receive(_ bytes: UnsafeRawBufferPointer, _ body: (Event) -> Void) throws(GDBError) {
        var index = 0
        while index < bytes.count {
            if state == .payload {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
                let plain = PacketDecoder.plainPrefix(rest)
                if payload.isEmpty, let end = wholePacket(rest, plain, body) {
                    index &+= end
                    continue
                }
                sum &+= plain.sum
                try reserve(plain.count)
                payload.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[..<plain.count]))
                index &+= plain.count
                guard index < bytes.count else { return }
            }
            try take(bytes[index], body)
            index &+= 1
        }
    }

    /// Lends a packet that lies whole in its fragment, so that it need not be copied; how many bytes it was, or nil.
    private mutating func wholePacket(
        _ rest: UnsafeRawBufferPointer, _ plain: (count: Int, sum: UInt8), _ body: (Event) -> Void
    ) -> Int? {
        guard sum == 0, plain.count > 0, plain.count &+ 2 < rest.count, rest[plain.count] == 0x23,
            plain.count <= PacketDecoder.limit, let high = HexText.value(rest[plain.count &+ 1]),
            let low = HexText.value(rest[plain.count &+ 2]), high << 4 | low == plain.sum
        else { return nil }
        let content = UnsafeRawBufferPointer(rebasing: rest[..<plain.count])
        state = .idle
        body(isNotification ? .notification(content) : .packet(content))
        return plain.count &+ 3
    }

    /// How many bytes stand for themselves, and their sum.
    private static func plainPrefix(_ bytes: UnsafeRawBufferPointer) -> (count: Int, sum: UInt8) {
        let block = 128
        var count = 0
        var sum: UInt8 = 0
        // Whole blocks without a branch per byte; then the block in which something special stands.
        while bytes.count &- count >= block {
            var special: UInt8 = 0
            var part: UInt8 = 0
            for index in count..<(count &+ block) {
                let byte = bytes[index]
                part &+= byte
                special |= byte == 0x23 ? 1 : 0
                special |= byte == 0x24 ? 1 : 0
                special |= byte == 0x2A ? 1 : 0
                special |= byte == 0x7D ? 1 : 0
            }
            guard special == 0 else { break }
            sum &+= part
            count &+= block
        }
        while count < bytes.count {
            let byte = bytes[count]
            if byte == 0x23 || byte == 0x24 || byte == 0x2A || byte == 0x7D { break }
            sum &+= byte
            count &+= 1
        }
        return (count, sum)
    }

    /// Makes sure that a payload stays below the limit.
    private func reserve(_ count: Int) throws(GDBError) {
        guard payload.count &+ count <= PacketDecoder.limit else {
            throw GDBError(
                .malformed,
                "the other side sent a packet of more than \(PacketDecoder.limit) bytes; does it speak the GDB protocol?"
            )
        }
    }

    private mutating func take(_ byte: UInt8, _ body: (Event) -> Void) throws(GDBError) {
        switch state {
        case .idle: idle(byte, body)
        case .payload: try special(byte)
        case .escape:
            try reserve(1)
            sum &+= byte
            payload.append(byte ^ 0x20)
            state = .payload
        case .run:
            sum &+= byte
            state = .payload
            // The count is a printable character: at least 3 more of the last byte.
            guard byte >= 29, byte <= 126, let last = payload.last else { return }
            try reserve(Int(byte) - 29)
            payload.append(contentsOf: repeatElement(last, count: Int(byte) - 29))
        case .checksumHigh: state = .checksumLow(HexText.value(byte))
        case .checksumLow(let high):
            state = .idle
            let low = HexText.value(byte)
            let isGood = high.flatMap { high in low.map { high << 4 | $0 == sum } } ?? false
            if isGood {
                payload.withUnsafeBytes { body(isNotification ? .notification($0) : .packet($0)) }
            } else if !isNotification {
                body(.broken)
            }
        }
    }

    /// A byte of a payload that may not stand for itself.
    private mutating func special(_ byte: UInt8) throws(GDBError) {
        switch byte {
        case 0x23: state = .checksumHigh
        case 0x7D:
            sum &+= byte
            state = .escape
        case 0x2A where sender == .stub && !payload.isEmpty:
            sum &+= byte
            state = .run
        case 0x24:
            // A packet that was cut short, and the next one.
            begin(isNotification: false)
        default:
            try reserve(1)
            sum &+= byte
            payload.append(byte)
        }
    }

    private mutating func idle(_ byte: UInt8, _ body: (Event) -> Void) {
        switch byte {
        case 0x24: begin(isNotification: false)
        case 0x25: begin(isNotification: true)
        case 0x2B: body(.ack)
        case 0x2D: body(.nack)
        case 0x03 where sender == .debugger: body(.interrupt)
        default: strayCount &+= 1
        }
    }

    private mutating func begin(isNotification: Bool) {
        self.isNotification = isNotification
        payload.removeAll(keepingCapacity: true)
        sum = 0
        state = .payload
    }
}
