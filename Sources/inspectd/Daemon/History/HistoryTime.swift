/// Moments as the history keeps them: milliseconds since 1970.
enum HistoryTime {
    /// From seconds since 1970.
    static func milliseconds(_ seconds: Double) -> Int64 { Int64(min(max(seconds, 0), 253_402_300_799) * 1000) }

    /// To seconds since 1970, such that the millisecond survives the way through text.
    static func seconds(_ milliseconds: Int64) -> Double { (Double(milliseconds) + 0.25) / 1000 }

    /// As text.
    static func text(_ milliseconds: Int64) -> String { Format.time(secondsSince1970: seconds(milliseconds)) }
}
