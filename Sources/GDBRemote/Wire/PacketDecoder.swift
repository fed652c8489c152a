/// Cuts a stream of bytes into packets, whatever fragments it comes in; escapes and run-length encoding are undone.
struct PacketDecoder: Sendable {
    /// What came in.
    enum Event: Hashable, Sendable {
        /// A packet's payload.
        case packet([UInt8])
        /// A notification's payload.
        case notification([UInt8])
        /// The other side got our packet.
        case ack
        /// The other side wants our packet again.
        case nack
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

    private var state = State.idle
    private var isNotification = false
    private var payload: [UInt8] = []
    private var sum: UInt8 = 0
    /// Bytes outside of packets that are neither acks nor anything else of the protocol.
    private(set) var strayCount = 0

    /// Takes a fragment.
    ///
    /// - Throws: ``GDBError`` with code `.malformed` where a packet is longer than the limit.
    mutating func receive(
        _ bytes: UnsafeRawBufferPointer, _ body: (Event) -> Void
    ) throws(GDBError) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index &+= 1
            switch state {
            case .idle: idle(byte, body)
            case .payload:
                switch byte {
                case 0x23: state = .checksumHigh
                case 0x7D:
                    sum &+= byte
                    state = .escape
                case 0x2A where !payload.isEmpty:
                    sum &+= byte
                    state = .run
                case 0x24:
                    // A packet that was cut short, and the next one.
                    begin(isNotification: false)
                default:
                    sum &+= byte
                    payload.append(byte)
                }
            case .escape:
                sum &+= byte
                payload.append(byte ^ 0x20)
                state = .payload
            case .run:
                sum &+= byte
                state = .payload
                // The count is a printable character: at least 3 more of the last byte.
                guard byte >= 29, byte <= 126, let last = payload.last else { continue }
                payload.append(contentsOf: repeatElement(last, count: Int(byte) - 29))
            case .checksumHigh: state = .checksumLow(HexText.value(byte))
            case .checksumLow(let high):
                state = .idle
                let low = HexText.value(byte)
                let isGood = high.flatMap { high in low.map { high << 4 | $0 == sum } } ?? false
                if isGood {
                    body(isNotification ? .notification(payload) : .packet(payload))
                } else if !isNotification {
                    body(.broken)
                }
            }
            guard payload.count <= PacketDecoder.limit else {
                throw GDBError(
                    .malformed, "the stub sent a packet of more than \(PacketDecoder.limit) bytes; is it a GDB stub?")
            }
        }
    }

    private mutating func idle(_ byte: UInt8, _ body: (Event) -> Void) {
        switch byte {
        case 0x24: begin(isNotification: false)
        case 0x25: begin(isNotification: true)
        case 0x2B: body(.ack)
        case 0x2D: body(.nack)
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
