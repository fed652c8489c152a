/// How often something took how long.
struct DurationHistogram: Sendable {
    /// Upper ends of the buckets in seconds; what takes longer is in one more.
    static let bounds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

    /// Numbers by bucket.
    private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
    /// The sum of all, in seconds.
    private(set) var sum = 0.0

    /// Number of all.
    var count: UInt64 { counts.reduce(0, +) }

    /// Counts one.
    mutating func add(_ seconds: Double) {
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += max(0, seconds)
    }
}
