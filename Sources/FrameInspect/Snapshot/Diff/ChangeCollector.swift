internal import GuestMemory

/// Counts changes of every kind and keeps the first few of each.
struct ChangeCollector {
    /// A range of frames that may go on with the next frame.
    private struct Open {
        var change: SnapshotChange
        var end: UInt64
        /// What neighbours must share to be one range.
        var key: [UInt64]
        /// What they must share to be alike.
        var values: [UInt64]
        var isKept: Bool
    }

    private let limit: Int
    private var kept: [ChangeKind: [SnapshotChange]] = [:]
    private var totals: [ChangeKind: SnapshotDiff.Total] = [:]
    private var open: [ChangeKind: Open] = [:]

    /// Keeps so many changes of each kind.
    init(limit: Int) { self.limit = limit }

    /// Adds a change of its own.
    mutating func add(
        _ kind: ChangeKind, frames: FrameRange? = nil, capability: UInt64? = nil, before: String, after: String
    ) {
        count(kind, frames: frames?.count ?? 0)
        guard kept[kind, default: []].count < limit else { return }
        kept[kind, default: []].append(
            SnapshotChange(kind, frames: frames, capability: capability, before: before, after: after))
    }

    /// Whether the next change of a kind would be kept: its texts are needed only then.
    func keeps(_ kind: ChangeKind) -> Bool { kept[kind]?.count ?? 0 < limit }

    /// Adds neighbouring frames in ascending order; they join those before them where `key` is the same.
    mutating func extend(
        _ kind: ChangeKind, first: UInt64, count: UInt64, key: [UInt64], values: [UInt64],
        _ text: () -> (before: String, after: String)
    ) {
        if var range = open[kind], range.end == first, range.key == key {
            range.end = first &+ count
            range.change.frames?.count &+= count
            if range.values != values { range.change.isUniform = false }
            open[kind] = range
            totals[kind, default: SnapshotDiff.Total(kind: kind)].frames &+= count
            return
        }
        close(kind)
        self.count(kind, frames: count)
        let isKept = kept[kind, default: []].count < limit
        let (before, after) = isKept ? text() : ("", "")
        open[kind] = Open(
            change: SnapshotChange(
                kind, frames: FrameRange(FrameNumber(first), count: count), before: before, after: after),
            end: first &+ count, key: key, values: values, isKept: isKept)
    }

    /// What was counted, and the changes that were kept.
    mutating func conclusion() -> (totals: [SnapshotDiff.Total], changes: [SnapshotChange]) {
        for kind in ChangeKind.allCases { close(kind) }
        return (
            ChangeKind.allCases.compactMap { totals[$0] }, ChangeKind.allCases.flatMap { kept[$0] ?? [] }
        )
    }

    private mutating func close(_ kind: ChangeKind) {
        guard let range = open.removeValue(forKey: kind), range.isKept else { return }
        kept[kind, default: []].append(range.change)
    }

    private mutating func count(_ kind: ChangeKind, frames: UInt64) {
        totals[kind, default: SnapshotDiff.Total(kind: kind)].changes &+= 1
        totals[kind, default: SnapshotDiff.Total(kind: kind)].frames &+= frames
    }
}
