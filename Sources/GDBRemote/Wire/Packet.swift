/// The framing of packets: `$payload#checksum`.
///
/// GDB manual, appendix "GDB Remote Serial Protocol", section "Overview".
enum Packet {
    /// The bytes of a packet; special characters of the payload are escaped.
    static func encode(_ payload: some Sequence<UInt8>) -> [UInt8] {
        var bytes: [UInt8] = [0x24]
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
