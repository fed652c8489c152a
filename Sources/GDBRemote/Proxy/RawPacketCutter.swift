internal import Glibc

/// Cuts one direction of a conversation into packets and leaves their bytes as they are: what goes through a proxy is not
/// encoded anew.
struct RawPacketCutter: Sendable {
    /// What came in.
    enum Event: Hashable, Sendable {
        /// A packet whose checksum holds.
        case packet(RawPacket)
        /// A packet whose checksum does not.
        case broken
        /// The other side got our packet.
        case ack
        /// The other side wants our packet again.
        case nack
        /// The byte that stops a running target.
        case interrupt
    }

    private enum State: Hashable, Sendable {
        case idle
        case payload
        case checksum
        case checksumEnd
    }

    /// The longest packet that is accepted, in bytes.
    let limit: Int
    private var state = State.idle
    private var bytes: [UInt8] = []
    private var sum: UInt8 = 0
    /// Bytes outside of packets, since the last packet, that mean nothing.
    private(set) var strayCount = 0

    /// A cutter between packets.
    init(limit: Int = 1 << 20) { self.limit = limit }

    /// Whether the stream stands within a packet.
    var isInPacket: Bool { state != .idle }

    /// Takes a fragment.
    ///
    /// - Throws: ``GDBError`` with code `.malformed` where a packet is longer than the limit.
    mutating func receive(_ fragment: UnsafeRawBufferPointer, _ body: (Event) -> Void) throws(GDBError) {
        var index = 0
        while index < fragment.count {
            if state == .payload {
                let rest = UnsafeRawBufferPointer(rebasing: fragment[index...])
                let count = RawPacketCutter.distanceToEnd(rest)
                guard bytes.count &+ count < limit else { throw tooLong }
                sum &+= RawPacketCutter.sum(UnsafeRawBufferPointer(rebasing: rest[..<count]))
                bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest[..<count]))
                index &+= count
                guard index < fragment.count else { return }
            }
            take(fragment[index], body)
            index &+= 1
        }
    }

    private var tooLong: GDBError {
        GDBError(.malformed, "a packet of more than \(limit) bytes came; does the other side speak the GDB protocol?")
    }

    /// How many bytes come before the next `#`, which never stands for itself within a payload.
    private static func distanceToEnd(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress, let end = memchr(base, 0x23, bytes.count) else { return bytes.count }
        return UnsafeRawPointer(end) - base
    }

    private static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt8 {
        var sum: UInt8 = 0
        for byte in bytes { sum &+= byte }
        return sum
    }

    private mutating func take(_ byte: UInt8, _ body: (Event) -> Void) {
        switch state {
        case .idle: idle(byte, body)
        case .payload, .checksum:
            bytes.append(byte)
            state = state == .payload ? .checksum : .checksumEnd
        case .checksumEnd:
            bytes.append(byte)
            state = .idle
            let digits = bytes.suffix(2).compactMap { HexText.value($0) }
            if digits.count == 2, digits[0] << 4 | digits[1] == sum {
                strayCount = 0
                body(.packet(RawPacket(bytes: bytes)))
            } else {
                body(.broken)
            }
        }
    }

    private mutating func idle(_ byte: UInt8, _ body: (Event) -> Void) {
        switch byte {
        case 0x24:
            bytes.removeAll(keepingCapacity: true)
            bytes.append(byte)
            sum = 0
            state = .payload
        case Packet.ack: body(.ack)
        case Packet.nack: body(.nack)
        case Packet.interrupt: body(.interrupt)
        default: strayCount &+= 1
        }
    }
}
