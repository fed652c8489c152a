/// Durations as people type them: `500ms`, `2s`, `1.5s`, `5min`.
enum DurationText {
    /// The longest that is accepted.
    static let limit = Duration.seconds(24 * 3600)

    /// The duration; nil for what is none, negative or longer than a day.
    static func parse(_ text: String) -> Duration? {
        let units: [(String, Double)] = [("ms", 0.001), ("min", 60), ("us", 0.000_001), ("s", 1), ("h", 3600)]
        guard let (suffix, factor) = units.first(where: { text.hasSuffix($0.0) }),
            let number = Double(text.dropLast(suffix.count)), number >= 0, number.isFinite
        else { return nil }
        let seconds = number * factor
        guard seconds <= 86_400 else { return nil }
        return .nanoseconds(Int64(seconds * 1e9))
    }
}
