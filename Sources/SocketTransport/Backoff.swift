/// Pauses between attempts to reach a server: each up to twice as long as the one before.
///
/// Half of each pause is left to chance, so that several programs that lost the same server do not return together.
public struct Backoff: Sendable {
    /// The first pause, at the most.
    public var shortest: Duration
    /// No pause is longer.
    public var longest: Duration
    private var reached: Duration?

    /// Pauses that grow from `shortest` to `longest`.
    public init(from shortest: Duration = .milliseconds(50), to longest: Duration = .seconds(5)) {
        self.shortest = shortest
        self.longest = longest
    }

    /// Begins with the shortest pause again.
    public mutating func reset() { reached = nil }

    /// How long to wait before the next attempt.
    public mutating func next() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let whole = min(max(reached.map { $0 * 2 } ?? shortest, .zero), max(longest, .zero))
        reached = whole
        return whole * Double.random(in: 0.5...1, using: &generator)
    }
}
