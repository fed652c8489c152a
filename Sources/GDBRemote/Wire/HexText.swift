/// Bytes as pairs of hexadecimal digits.
enum HexText {
    /// Values of digits by character; 255 for what is none.
    private static let values: [UInt8] = (0...255).map { (character: Int) -> UInt8 in
        switch character {
        case 0x30...0x39: UInt8(character - 0x30)
        case 0x41...0x46: UInt8(character - 0x37)
        case 0x61...0x66: UInt8(character - 0x57)
        default: 255
        }
    }

    /// The digit of a value below 16.
    static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + (value & 15) }

    /// The value of a digit; nil for what is none.
    static func value(_ digit: UInt8) -> UInt8? {
        let value = values[Int(digit)]
        return value < 16 ? value : nil
    }

    /// Writes text as digits.
    static func encode(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { [digit($0 >> 4), digit($0 & 15)] }
    }

    /// Reads digits into memory; false where there is an odd one or none, or they do not fit.
    static func decode(_ digits: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
        guard digits.count.isMultiple(of: 2), digits.count / 2 <= target.count else { return false }
        return values.withUnsafeBufferPointer { table in
            var bad: UInt8 = 0
            for index in 0..<(digits.count / 2) {
                let high = table[Int(digits[index &* 2])]
                let low = table[Int(digits[index &* 2 &+ 1])]
                bad |= high | low
                target[index] = high &<< 4 | low
            }
            // Every digit's value is below 16.
            return bad < 16
        }
    }

    /// The number that digits say; nil for none, for other characters, and for what needs more than 64 bits.
    static func number(_ digits: some Collection<UInt8>) -> UInt64? {
        guard !digits.isEmpty else { return nil }
        var result: UInt64 = 0
        for digit in digits {
            guard let value = value(digit), result >> 60 == 0 else { return nil }
            result = result << 4 | UInt64(value)
        }
        return result
    }

    /// The number that digits say.
    static func number(_ digits: some StringProtocol) -> UInt64? { number(Array(digits.utf8)) }

    /// The digits of a number.
    static func text(_ number: some BinaryInteger) -> String { String(number, radix: 16) }

    /// Reads digits; nil for what are none.
    static func decode(_ digits: [UInt8]) -> [UInt8]? {
        var result = [UInt8](repeating: 0, count: digits.count / 2)
        let isGood = digits.withUnsafeBytes { source in result.withUnsafeMutableBytes { decode(source, into: $0) } }
        return isGood ? result : nil
    }

    /// Reads digits in which `xx` stands for a byte that the stub does not know; nil for anything else.
    static func decodeAvailable(_ digits: [UInt8]) -> [UInt8?]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8?] = []
        result.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            if digits[index] == 0x78, digits[index + 1] == 0x78 {
                result.append(nil)
            } else if let high = value(digits[index]), let low = value(digits[index + 1]) {
                result.append(high << 4 | low)
            } else {
                return nil
            }
        }
        return result
    }
}
