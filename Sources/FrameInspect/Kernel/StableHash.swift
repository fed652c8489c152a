/// A hash that is the same in every process, for names in files.
enum StableHash {
    /// FNV-1a with 64 bits; `start` is the hash of what comes before.
    static func value(of bytes: some Sequence<UInt8>, after start: UInt64 = 0xCBF2_9CE4_8422_2325) -> UInt64 {
        var hash = start
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    /// As 16 hexadecimal digits.
    static func text(of bytes: some Sequence<UInt8>) -> String {
        let text = String(value(of: bytes), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    /// As 16 hexadecimal digits.
    static func text(of text: String) -> String { self.text(of: text.utf8) }
}
