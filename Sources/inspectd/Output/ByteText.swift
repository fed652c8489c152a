/// Numbers appended as ASCII without a string in between, for output of millions of rows.
enum ByteText {
    /// Decimal.
    static func appendDecimal(_ value: UInt64, to output: inout [UInt8]) {
        if value < 10 { return output.append(0x30 + UInt8(value)) }
        let start = output.count
        var rest = value
        while rest > 0 {
            output.append(0x30 + UInt8(rest % 10))
            rest /= 10
        }
        output[start...].reverse()
    }

    /// Hexadecimal with prefix and at least `digits` digits.
    static func appendHex(_ value: UInt64, digits: Int = 1, to output: inout [UInt8]) {
        output.append(0x30)
        output.append(0x78)
        let needed = max(digits, (67 - value.leadingZeroBitCount) / 4, 1)
        for position in stride(from: needed - 1, through: 0, by: -1) {
            let nibble = position < 16 ? UInt8(truncatingIfNeeded: value >> UInt64(4 * position)) & 0xF : 0
            output.append(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
    }

    /// Spaces up to a width, counted from `start`.
    static func pad(from start: Int, to width: Int, in output: inout [UInt8]) {
        let used = output.count - start
        if used < width { output.append(contentsOf: repeatElement(0x20, count: width - used)) }
    }
}
