internal import GuestMemory

/// What changed from one snapshot to a later one.
///
/// A frame's life is told by its generation, which the kernel counts up whenever the frame is claimed: a pin of the same
/// generation is the same pin later, or at least one of the same life; another generation is another life.
public struct SnapshotDiff: Sendable {
    /// How much there is of a kind of change.
    public struct Total: Sendable, Hashable {
        /// The kind.
        public var kind: ChangeKind
        /// Changes: ranges of frames, blocks, or mappings.
        public var changes: UInt64 = 0
        /// Frames in them; 0 for mappings.
        public var frames: UInt64 = 0

        init(kind: ChangeKind) { self.kind = kind }
    }

    /// The earlier snapshot's kernel.
    public let kernelBefore: SnapshotKernel
    /// The later snapshot's kernel: the same, but the table may have another size.
    public let kernelAfter: SnapshotKernel
    /// Where the earlier snapshot comes from.
    public let provenanceBefore: Provenance
    /// Where the later snapshot comes from.
    public let provenanceAfter: Provenance
    /// How many slots both tables have: these were compared.
    public let comparedSlots: UInt64
    /// What there is of each kind, the most telling kind first; kinds of which there is nothing are left out.
    public let totals: [Total]
    /// The first changes of each kind, by kind and address.
    public let changes: [SnapshotChange]
    /// What to know about the comparison: what could not be told and why, a table of another size.
    public let notes: [String]

    /// Compares a snapshot with a later one; keeps the first `limit` changes of each kind and counts the others.
    ///
    /// - Throws: ``SnapshotError`` with code `.otherKernel`, `.otherProfile`, `.otherLayout`, or `.damaged`.
    public init(from before: KernelSnapshot, to after: KernelSnapshot, limit: Int = 20) throws(SnapshotError) {
        try before.kernel.checkComparable(with: after.kernel)
        kernelBefore = before.kernel
        kernelAfter = after.kernel
        provenanceBefore = before.provenance
        provenanceAfter = after.provenance
        comparedSlots = min(before.kernel.slotCount, after.kernel.slotCount)
        var collector = ChangeCollector(limit: max(0, limit))
        var notes = SnapshotDiff.notes(before, after)
        var frames = FrameComparison(layout: before.kernel.layout)
        try frames.compare(before.slotRuns(), after.slotRuns(), &collector)
        if frames.backwards > 0 {
            notes.append(
                "\(frames.backwards) frames were claimed fewer times now than before: the guest was started anew in "
                    + "between, or the second snapshot is the older one")
        }
        notes += try BlockComparison.compare(before, after, &collector)
        notes += try MappingComparison.compare(before, after, &collector)
        (totals, changes) = collector.conclusion()
        self.notes = notes
    }

    /// How much there is of a kind.
    public func total(_ kind: ChangeKind) -> Total { totals.first { $0.kind == kind } ?? Total(kind: kind) }

    private static func notes(_ before: KernelSnapshot, _ after: KernelSnapshot) -> [String] {
        var notes: [String] = []
        let (old, new) = (before.kernel, after.kernel)
        if old.buildID == nil || new.buildID == nil {
            notes.append(
                "whether both are of the same kernel is not known: "
                    + (old.buildID == nil && new.buildID == nil ? "neither has" : "one of them has not")
                    + " a build id; give --kernel")
        }
        if old.slotCount != new.slotCount {
            let grew = new.slotCount > old.slotCount
            let (low, high) = (min(old.slotCount, new.slotCount), max(old.slotCount, new.slotCount))
            notes.append(
                "the frame table \(grew ? "grew" : "shrank") from \(old.slotCount) to \(new.slotCount) slots: frames "
                    + "\(old.layout.frame(at: low).address)..\(old.layout.frame(at: high).address) are "
                    + "\(grew ? "new" : "gone") and not compared")
        }
        if old.tableBase != nil, new.tableBase != nil, old.tableBase != new.tableBase {
            notes.append("the frame table lies elsewhere now: the guest was started anew in between")
        }
        if !old.layout.generation.isPresent {
            notes.append(
                "this kernel does not count claims: a frame that was freed and taken again looks like one that stayed, "
                    + "and the same pin like another one; reused, passed, same-pin and still-leaked cannot be told")
        }
        if before.provenance.time > after.provenance.time {
            notes.append("the first snapshot is the later one: what is called since happened before")
        }
        for (name, provenance) in [("first", before.provenance), ("second", after.provenance)]
        where !provenance.consistent {
            let moved = provenance.movedSlots.map { ", \($0) slots moved meanwhile" } ?? ""
            notes.append("the guest was running while the \(name) snapshot was taken\(moved): it is not of one moment")
        }
        return notes
    }
}
