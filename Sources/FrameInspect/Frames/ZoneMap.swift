public import GuestMemory

/// Which allocator zone manages which frames.
public struct ZoneMap: Hashable, Sendable {
    /// A contiguous part of a zone.
    public struct Part: Hashable, Sendable {
        /// Index of the zone in ``ZoneMap/names``.
        public var zone: Int
        /// First frame number.
        public var start: UInt64
        /// The frame number behind the last one.
        public var end: UInt64

        /// A part of a zone.
        public init(zone: Int, start: UInt64, end: UInt64) {
            self.zone = zone
            self.start = start
            self.end = end
        }
    }

    /// Names of the zones, as the kernel's profile gives them.
    public let names: [String]
    /// The parts by ascending frame, without overlap.
    public let parts: [Part]

    /// A map of no zones.
    public static let empty = ZoneMap(names: [], parts: [])

    /// A map from parts in any order; where two overlap, the one that starts first keeps the frames.
    public init(names: [String], parts: [Part]) {
        self.names = names
        var sorted: [Part] = []
        for var part in parts.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) })
        where names.indices.contains(part.zone) {
            if let last = sorted.last { part.start = max(part.start, last.end) }
            if part.start < part.end { sorted.append(part) }
        }
        self.parts = sorted
    }

    /// The zone of a frame; nil where none manages it.
    ///
    /// O(log n).
    public func zone(of frame: FrameNumber) -> Int? {
        let index = index(at: frame.rawValue)
        guard index < parts.count, parts[index].start <= frame.rawValue else { return nil }
        return parts[index].zone
    }

    /// The name of a frame's zone; nil where none manages it.
    public func name(of frame: FrameNumber) -> String? { zone(of: frame).map { names[$0] } }

    /// Cuts a range of frames at the borders of zones.
    func forEachPiece(of frames: Range<UInt64>, _ body: (_ zone: Int?, _ frames: Range<UInt64>) -> Void) {
        var position = frames.lowerBound
        var index = index(at: position)
        while position < frames.upperBound {
            guard index < parts.count, parts[index].start < frames.upperBound else {
                return body(nil, position..<frames.upperBound)
            }
            let part = parts[index]
            if position < part.start {
                body(nil, position..<part.start)
                position = part.start
            }
            let end = min(part.end, frames.upperBound)
            body(part.zone, position..<end)
            position = end
            index += 1
        }
    }

    /// Index of the first part that ends behind `frame`.
    private func index(at frame: UInt64) -> Int {
        var low = 0
        var high = parts.count
        while low < high {
            let middle = (low + high) / 2
            if parts[middle].end <= frame { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
