public import GuestMemory

/// Neighbouring frames.
public struct FrameRange: Hashable, Sendable, Comparable {
    /// The first frame.
    public var first: FrameNumber
    /// How many.
    public var count: UInt64

    /// Frames from `first` on.
    public init(_ first: FrameNumber, count: UInt64 = 1) {
        self.first = first
        self.count = count
    }

    /// By the first frame.
    public static func < (one: FrameRange, other: FrameRange) -> Bool {
        (one.first.rawValue, one.count) < (other.first.rawValue, other.count)
    }

    /// Ranges in ascending order, neighbours and overlapping ones joined.
    public static func folded(_ ranges: [FrameRange]) -> [FrameRange] {
        var result: [FrameRange] = []
        for range in ranges.sorted() {
            guard let last = result.last, range.first.rawValue <= last.first.rawValue &+ last.count else {
                result.append(range)
                continue
            }
            let end = max(last.first.rawValue &+ last.count, range.first.rawValue &+ range.count)
            result[result.count - 1].count = end &- last.first.rawValue
        }
        return result
    }
}
