import Glibc

/// Numbers as text, without locale.
enum Format {
    /// Hexadecimal with prefix, without padding: `0x2200`.
    static func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

    /// Hexadecimal digits without prefix, padded with zeros.
    static func padded(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// Hexadecimal with prefix and at least `digits` digits: `0x00002200`.
    static func hex(_ value: UInt64, digits: Int) -> String { "0x" + padded(value, digits: digits) }

    /// Decimal in groups of three: `1,572,738`.
    static func grouped(_ value: UInt64) -> String {
        let digits = String(value)
        var result = ""
        for (position, digit) in digits.enumerated() {
            if position > 0, (digits.count - position) % 3 == 0 { result.append(",") }
            result.append(digit)
        }
        return result
    }

    /// A number with a fixed count of decimals, rounded half up; not a number and infinities become `-`.
    static func fixed(_ value: Double, decimals: Int, grouped: Bool = false) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "-" }
        var scale: UInt64 = 1
        for _ in 0..<max(0, min(decimals, 6)) { scale *= 10 }
        let scaled = UInt64((abs(value) * Double(scale)).rounded())
        let whole = grouped ? Format.grouped(scaled / scale) : String(scaled / scale)
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard decimals > 0 else { return sign + whole }
        let rest = String(scaled % scale)
        return sign + whole + "." + String(repeating: "0", count: max(0, decimals - rest.count)) + rest
    }

    /// A part of a whole in percent with one decimal; a whole of 0 gives 0.
    static func percent(_ part: UInt64, of whole: UInt64) -> String {
        whole == 0 ? "0.0%" : fixed(100 * Double(part) / Double(whole), decimals: 1) + "%"
    }

    /// Bytes in the largest unit that keeps the number exact, else with one decimal: `4 KiB`, `1.5 GiB`.
    static func bytes(_ count: UInt64) -> String {
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var unit = 0
        var value = Double(count)
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let isWhole = value == value.rounded(.down)
        return fixed(value, decimals: isWhole ? 0 : 1) + " " + units[unit]
    }

    /// A moment in UTC as in RFC 3339, to the millisecond: `2026-01-31T12:00:00.250Z`.
    static func time(secondsSince1970 seconds: Double) -> String {
        let milliseconds = Int64(min(max(seconds, 0), 253_402_300_799) * 1000)
        var whole = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&whole, &parts)
        func padded(_ value: Int, _ digits: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
        let clock = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
        return padded(date[0], 4) + "-" + padded(date[1], 2) + "-" + padded(date[2], 2) + "T"
            + clock.map { padded($0, 2) }.joined(separator: ":") + "." + padded(Int(milliseconds % 1000), 3) + "Z"
    }

    /// A duration in the unit that suits it.
    static func duration(_ duration: Duration) -> String {
        Format.duration(nanoseconds: UInt64(max(0, duration.inSeconds) * 1e9), unicode: false)
    }

    /// A duration in the unit that suits it: `812 µs`, `31.2 ms`, `4.1 s`, `2 min 05 s`.
    static func duration(nanoseconds: UInt64, unicode: Bool = true) -> String {
        switch nanoseconds {
        case ..<1_000: return "\(nanoseconds) ns"
        case ..<1_000_000: return fixed(Double(nanoseconds) / 1e3, decimals: 0) + (unicode ? " µs" : " us")
        case ..<1_000_000_000: return fixed(Double(nanoseconds) / 1e6, decimals: 1) + " ms"
        case ..<60_000_000_000: return fixed(Double(nanoseconds) / 1e9, decimals: 1) + " s"
        default:
            let seconds = nanoseconds / 1_000_000_000
            let rest = seconds % 60
            return "\(seconds / 60) min " + (rest < 10 ? "0" : "") + "\(rest) s"
        }
    }
}
