import FrameInspect

/// A span of time in steps, checked.
struct HistoryRange: Sendable, Equatable {
    /// The most points of an answer.
    static let maximumPoints: Int64 = 5000
    /// The most points where the step is chosen.
    static let usualPoints: Int64 = 1000
    /// The shortest and the longest step, in milliseconds.
    private static let steps: ClosedRange<Int64> = 50...366 * 86_400_000
    /// Steps that are chosen, in milliseconds.
    private static let niceSteps: [Int64] =
        [100, 200, 500]
        + [
            1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800,
            604_800,
        ].map { $0 * 1000 }

    /// The first moment, in milliseconds since 1970: a multiple of the step, so that the points stay the same from one answer to the next.
    private(set) var from: Int64
    /// The moment behind the last, in milliseconds since 1970.
    private(set) var to: Int64
    /// The step in milliseconds.
    private(set) var step: Int64

    /// Number of points.
    var count: Int { Int((to - from + step - 1) / step) }

    /// A span with a step; without one, a step that suits is chosen.
    ///
    /// - Parameters:
    ///   - points: About how many points there shall be where the step is chosen.
    ///   - finest: The shortest step that leaves no gaps in what is there; asked only where no step is given.
    init(
        from: Int64, to: Int64, step: Int64?, points: Int64 = HistoryRange.usualPoints, finest: () throws -> Int64
    ) throws {
        guard from < to else {
            throw CommandError(
                .usage, "from (\(HistoryTime.text(from))) must lie before to (\(HistoryTime.text(to)))")
        }
        if let step {
            guard Self.steps.contains(step) else {
                throw CommandError(.usage, "a step of \(Self.seconds(step)) s makes no sense; choose 0.05 s to 366 d")
            }
            guard (to - from - 1) / step < Self.maximumPoints else {
                let least = Self.nice((to - from + Self.maximumPoints - 1) / Self.maximumPoints)
                throw CommandError(
                    .usage,
                    "a step of \(Self.seconds(step)) s gives more than \(Self.maximumPoints) points; "
                        + "choose one of at least \(Self.seconds(least)) s, or less time")
            }
            self.step = step
        } else {
            self.step = Self.nice(max((to - from + points - 1) / max(points, 1), try finest()))
        }
        self.from = from - from % self.step
        self.to = to
    }

    /// A duration as the API and the command line take it, in milliseconds: seconds, or a number with a unit.
    static func duration(_ text: String) -> Int64? {
        if let seconds = Double(text), seconds.isFinite, (0...4e9).contains(seconds) { return Int64(seconds * 1000) }
        if text.hasSuffix("d"), let days = Double(text.dropLast()), (0...40_000).contains(days) {
            return Int64(days * 86_400_000)
        }
        return DurationText.parse(text).map { Int64($0.inSeconds * 1000) }
    }

    private static func nice(_ least: Int64) -> Int64 {
        let week: Int64 = 604_800_000
        return niceSteps.first { $0 >= least } ?? (least + week - 1) / week * week
    }

    private static func seconds(_ milliseconds: Int64) -> String {
        let isWhole = milliseconds % 1000 == 0
        return Format.fixed(Double(milliseconds) / 1000, decimals: isWhole ? 0 : 3)
    }
}
