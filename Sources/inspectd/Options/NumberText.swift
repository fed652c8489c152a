/// Numbers as users type them: decimal, hexadecimal with 0x, with a size suffix.
enum NumberText {
    /// `4096`, `0x1000`, `4K`, `4KiB`, `16M`, `1G`, `2T`; underscores between digits are allowed; nil for anything else.
    static func parse(_ text: String) -> UInt64? {
        var digits = Substring(text.filter { $0 != "_" })
        if digits.lowercased().hasPrefix("0x") {
            digits = digits.dropFirst(2)
            guard let first = digits.first, first != "+", first != "-" else { return nil }
            return UInt64(digits, radix: 16)
        }
        guard let first = digits.first, first.isASCII, first.isNumber else { return nil }
        let suffix = digits.drop { $0.isASCII && $0.isNumber }
        guard let value = UInt64(digits.prefix(digits.count - suffix.count)) else { return nil }
        let shift: UInt64
        switch suffix.lowercased() {
        case "", "b": shift = 0
        case "k", "kib": shift = 10
        case "m", "mib": shift = 20
        case "g", "gib": shift = 30
        case "t", "tib": shift = 40
        default: return nil
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : product
    }

    /// The same with a sign before it.
    static func parseSigned(_ text: String) -> Int64? {
        if text.hasPrefix("-") {
            guard let value = parse(String(text.dropFirst())), value <= UInt64(Int64.max) else { return nil }
            return -Int64(value)
        }
        guard let value = parse(text), value <= UInt64(Int64.max) else { return nil }
        return Int64(value)
    }
}
