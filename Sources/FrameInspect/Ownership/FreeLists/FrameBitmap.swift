/// A bit for each slot of a frame table.
public struct FrameBitmap: Hashable, Sendable {
    /// Number of bits.
    public let count: Int
    private var words: [UInt64]

    /// All bits clear.
    public init(count: Int) {
        self.count = max(count, 0)
        words = [UInt64](repeating: 0, count: (self.count + 63) / 64)
    }

    /// Whether a bit is set; false outside.
    public subscript(index: Int) -> Bool {
        index >= 0 && index < count && words[index / 64] >> UInt64(index % 64) & 1 == 1
    }

    /// Number of bits that are set.
    public var setCount: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// Sets a bit; does nothing outside.
    public mutating func insert(_ index: Int) {
        guard index >= 0, index < count else { return }
        words[index / 64] |= 1 << UInt64(index % 64)
    }

    /// Sets a range of bits, cut to the bitmap; true where one of them was set already.
    public mutating func insert(_ range: Range<Int>) -> Bool {
        let range = range.clamped(to: 0..<count)
        guard !range.isEmpty else { return false }
        var wasSet = false
        for word in range.lowerBound / 64...(range.upperBound - 1) / 64 {
            let first = max(range.lowerBound - word * 64, 0)
            let last = min(range.upperBound - word * 64, 64)
            let mask = (UInt64.max >> UInt64(64 - (last - first))) << UInt64(first)
            wasSet = wasSet || words[word] & mask != 0
            words[word] |= mask
        }
        return wasSet
    }
}
