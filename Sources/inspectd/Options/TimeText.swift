import Glibc

/// Moments as people and programs write them.
enum TimeText {
    /// Seconds since 1970 of `2026-01-31T12:00:00Z`, with fractions or without, or of a plain number; nil for anything else.
    static func parse(_ text: String) -> Double? {
        if let seconds = Double(text) {
            return seconds.isFinite && (0...253_402_300_799).contains(seconds) ? seconds : nil
        }
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.count <= 40, bytes.last == UInt8(ascii: "Z") || bytes.last == UInt8(ascii: "z")
        else {
            return nil
        }
        func number(_ start: Int, _ count: Int) -> Int? {
            bytes[start..<start + count].reduce(Int?.some(0)) { value, byte in
                guard let value, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                return value * 10 + Int(byte - UInt8(ascii: "0"))
            }
        }
        let marks: [(Int, Character)] = [(4, "-"), (7, "-"), (13, ":"), (16, ":")]
        guard marks.allSatisfy({ bytes[$0.0] == $0.1.asciiValue }), [84, 116, 32].contains(bytes[10]),
            let year = number(0, 4), let month = number(5, 2), let day = number(8, 2), let hour = number(11, 2),
            let minute = number(14, 2), let second = number(17, 2), year >= 1970, (1...12).contains(month),
            (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var fraction = 0.0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), bytes.count > 21,
                let digits = Double("0." + String(decoding: bytes[20..<bytes.count - 1], as: UTF8.self))
            else { return nil }
            fraction = digits
        }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(year - 1900), Int32(month - 1), Int32(day))
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(hour), Int32(minute), Int32(second))
        return Double(timegm(&parts)) + fraction
    }
}
