internal import GuestMemory

/// Compares the ownership tables of two snapshots, block by block.
struct BlockComparison {
    /// Whether a block of both tables is the same allocation in both.
    private enum Life {
        case same, other, unknown
    }

    private var generationsBefore: HeadGenerations
    private var generationsAfter: HeadGenerations
    private let stateNames: [String]

    /// Walks through both tables.
    ///
    /// - Returns: What could not be told, and why.
    static func compare(
        _ before: KernelSnapshot, _ after: KernelSnapshot, _ collector: inout ChangeCollector
    ) throws(SnapshotError) -> [String] {
        var old = try before.owners()
        var new = try after.owners()
        var notes: [String] = []
        var isComparable = true
        for (name, table) in [("first", old), ("second", new)] {
            guard let reason = table.status.reason else { continue }
            // Under a held lock most of it is still right.
            if case .midChange = table.status, table.offsets != nil {
                notes.append("the ownership table of the \(name) snapshot may be half changed: \(reason)")
                continue
            }
            notes.append(
                "owners, pins and capabilities were not compared: the ownership table of the \(name) snapshot "
                    + "could not be read (\(reason))")
            isComparable = false
        }
        guard isComparable else { return notes }
        var comparison = BlockComparison(
            generationsBefore: HeadGenerations(before), generationsAfter: HeadGenerations(after),
            stateNames: new.stateNames)
        try comparison.compare(&old, &new, &collector)
        return notes
    }

    private mutating func compare(
        _ old: inout OwnershipRecords, _ new: inout OwnershipRecords, _ collector: inout ChangeCollector
    ) throws(SnapshotError) {
        var one = try old.next()
        var other = try new.next()
        while one != nil || other != nil {
            if let was = one, other.map({ was.precedes($0) }) ?? true {
                gone(was, &collector)
                one = try old.next()
            } else if let now = other, one.map({ now.precedes($0) }) ?? true {
                appeared(now, &collector)
                other = try new.next()
            } else if let was = one, let now = other {
                try both(was, now, &collector)
                one = try old.next()
                other = try new.next()
            }
        }
        _ = try old.problems()
        _ = try new.problems()
    }

    private func gone(_ was: OwnershipTable.Entry, _ collector: inout ChangeCollector) {
        let text = text(was)
        collector.add(.disowned, frames: was.range, before: text, after: "no owner")
        if was.transientRefs > 0 { collector.add(.unpinned, frames: was.range, before: text, after: "no owner") }
    }

    private func appeared(_ now: OwnershipTable.Entry, _ collector: inout ChangeCollector) {
        let text = text(now)
        if now.isLeak { collector.add(.leakedSince, frames: now.range, before: "no owner", after: text) }
        if now.transientRefs > 0 { collector.add(.pinnedSince, frames: now.range, before: "no owner", after: text) }
        collector.add(.ownedSince, frames: now.range, before: "no owner", after: text)
    }

    private mutating func both(
        _ was: OwnershipTable.Entry, _ now: OwnershipTable.Entry, _ collector: inout ChangeCollector
    ) throws(SnapshotError) {
        let one = try generationsBefore.generation(of: was.head)
        let other = try generationsAfter.generation(of: now.head)
        let life: Life = if let one, let other { one == other ? .same : .other } else { .unknown }
        if life == .same, was.transientRefs == 0, now.transientRefs == 0, was.capabilities == now.capabilities,
            was.refcount == now.refcount, was.state == now.state
        {
            return
        }
        let (before, after) = (text(was, generation: one), text(now, generation: other))
        func report(_ kind: ChangeKind) { collector.add(kind, frames: now.range, before: before, after: after) }
        let wasPinned = was.transientRefs > 0
        let isPinned = now.transientRefs > 0
        if now.isLeak, life == .other || !was.isLeak {
            report(.leakedSince)
        } else if now.isLeak, life == .same {
            report(.stillLeaked)
        }
        switch (wasPinned, isPinned) {
        case (true, true) where life == .other:
            report(.unpinned)
            report(.pinnedSince)
        case (true, true) where life == .unknown: report(.pinnedInBoth)
        case (true, true): if !(now.isLeak && was.isLeak) { report(.samePin) }
        case (false, true): report(.pinnedSince)
        case (true, false): report(.unpinned)
        case (false, false): break
        }
        guard life != .other else { return }
        let held = Set(was.capabilities)
        let holding = Set(now.capabilities)
        let gained = now.capabilities.filter { !held.contains($0) }
        let lost = was.capabilities.filter { !holding.contains($0) }
        if !gained.isEmpty {
            collector.add(
                .capabilitiesGained, frames: now.range, before: before, after: "\(after): \(Self.list(gained)) gained")
        }
        if !lost.isEmpty {
            collector.add(
                .capabilitiesLost, frames: now.range, before: before, after: "\(after): \(Self.list(lost)) lost")
        }
        if was.state != now.state {
            collector.add(
                .ownerStateChanged, frames: now.range, before: name(was.state), after: name(now.state))
        }
        if was.refcount != now.refcount { report(.ownerReferencesChanged) }
    }

    private func name(_ state: UInt64) -> String {
        state < UInt64(stateNames.count) ? stateNames[Int(state)] : "state \(state)"
    }

    /// Capabilities by number; a long list is cut.
    private static func list(_ capabilities: [UInt64]) -> String {
        let shown = capabilities.prefix(4).map { String($0) }.joined(separator: ", ")
        let word = capabilities.count == 1 ? "capability" : "capabilities"
        return "\(word) \(shown)\(capabilities.count > 4 ? " and \(capabilities.count - 4) more" : "")"
    }

    private func text(_ entry: OwnershipTable.Entry, generation: UInt64? = nil) -> String {
        func count(_ number: UInt64, _ one: String, _ many: String) -> String {
            "\(number) \(number == 1 ? one : many)"
        }
        var parts = [
            count(entry.transientRefs, "pin", "pins"),
            count(UInt64(entry.capabilities.count), "capability", "capabilities"),
            count(entry.refcount, "reference", "references"),
        ]
        if let generation { parts.append("generation \(generation)") }
        return parts.joined(separator: ", ")
    }
}

/// The generations of blocks' first frames, asked for in ascending order.
private struct HeadGenerations {
    private let layout: FrameLayout
    private var runs: SlotRunReader
    private var run: SlotRun?

    init(_ snapshot: KernelSnapshot) {
        layout = snapshot.kernel.layout
        runs = snapshot.slotRuns()
    }

    /// A frame's generation; nil where it has no slot or the kernel counts no claims.
    mutating func generation(of frame: FrameNumber) throws(SnapshotError) -> UInt64? {
        guard layout.generation.isPresent, let index = layout.index(of: frame) else { return nil }
        while run.map({ $0.first &+ $0.count <= index }) ?? true {
            guard let next = try runs.next() else { return nil }
            run = next
        }
        guard let run, run.first <= index else { return nil }
        return run.content.generation
    }
}

extension OwnershipTable.Entry {
    /// Whether it is pinned and nobody holds it.
    fileprivate var isLeak: Bool { transientRefs > 0 && capabilities.isEmpty }

    /// The frames of the block.
    fileprivate var range: FrameRange { FrameRange(head, count: max(1, frameCount)) }

    fileprivate func precedes(_ other: OwnershipTable.Entry) -> Bool {
        (base.rawValue, order) < (other.base.rawValue, other.order)
    }
}
