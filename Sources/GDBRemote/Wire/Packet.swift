/// The framing of packets: `$payload#checksum`.
///
/// GDB manual, appendix "GDB Remote Serial Protocol", section "Overview".
enum Packet {
    /// The byte that stops a running target; it travels outside of packets.
    static let interrupt: UInt8 = 0x03
    /// The byte that says that a packet came well.
    static let ack: UInt8 = 0x2B
    /// The byte that asks for the last packet again.
    static let nack: UInt8 = 0x2D

    /// The bytes of a packet; special characters of the payload are escaped.
    static func encode(_ payload: some Sequence<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = [0x24]
        bytes.reserveCapacity(payload.underestimatedCount + 4)
        var sum: UInt8 = 0
        func append(_ byte: UInt8) {
            bytes.append(byte)
            sum &+= byte
        }
        for byte in payload {
            switch byte {
            case 0x23, 0x24, 0x2A, 0x7D:
                append(0x7D)
                append(byte ^ 0x20)
            default: append(byte)
            }
        }
        bytes.append(0x23)
        bytes.append(HexText.digit(sum >> 4))
        bytes.append(HexText.digit(sum & 15))
        return bytes
    }

    /// The bytes of a packet of text.
    static func encode(_ text: String) -> [UInt8] { encode(text.utf8) }
}
