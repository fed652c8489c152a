internal import GuestMemory

/// Compares the slots of two snapshots, run by run.
struct FrameComparison {
    private let layout: FrameLayout
    /// Frames whose number of claims went down.
    private(set) var backwards: UInt64 = 0

    init(layout: FrameLayout) { self.layout = layout }

    /// Walks through both tables to the end of the shorter one.
    mutating func compare(
        _ before: SlotRunReader, _ after: SlotRunReader, _ collector: inout ChangeCollector
    ) throws(SnapshotError) {
        var (before, after) = (before, after)
        var old = try before.next()
        var new = try after.next()
        while let one = old, let other = new {
            let first = max(one.first, other.first)
            let end = min(one.first &+ one.count, other.first &+ other.count)
            if one.content != other.content {
                add(first, end &- first, one.content, other.content, &collector)
            }
            if one.first &+ one.count == end { old = try before.next() }
            if other.first &+ other.count == end { new = try after.next() }
        }
        // The longer one is read to its end: damage there is no less damage.
        while old != nil { old = try before.next() }
        while new != nil { new = try after.next() }
    }

    private mutating func add(
        _ slot: UInt64, _ count: UInt64, _ old: SlotContent, _ new: SlotContent, _ collector: inout ChangeCollector
    ) {
        let first = layout.frame(at: slot).rawValue
        let layout = layout
        func report(_ kind: ChangeKind, key: [UInt64], values: [UInt64]) {
            collector.extend(kind, first: first, count: count, key: key, values: values) {
                (layout.text(of: old, kind, frame: first), layout.text(of: new, kind, frame: first))
            }
        }
        let isOtherLife = old.generation != new.generation
        // A counter that wraps goes down as well, once in four billion claims; that is no restart.
        if new.generation < old.generation, old.generation &- new.generation < layout.generation.mask / 2 {
            backwards &+= count
        }
        let life = [old.flags, new.flags, old.generation, new.generation, old.refcount, new.refcount]
        switch (layout.isHandedOut(old), layout.isHandedOut(new)) {
        case (false, true): report(.allocatedSince, key: [], values: life)
        case (true, false): report(.freedSince, key: [], values: life)
        case (true, true) where isOtherLife: report(.reused, key: [], values: life)
        case (false, false) where isOtherLife: report(.passed, key: [], values: life)
        case (let isHandedOut, _):
            if isHandedOut, old.refcount != new.refcount {
                report(.referencesChanged, key: [old.refcount, new.refcount], values: [])
            }
            // Free blocks split and join all the time: their order is the allocator's affair.
            let orders = isHandedOut ? [old.order, new.order] : [0, 0]
            let key = [old.flags, new.flags, old.guardBits, new.guardBits] + orders
            if old.flags != new.flags || old.guardBits != new.guardBits || orders[0] != orders[1] {
                report(.stateChanged, key: key, values: [])
            }
            if old.vtable != new.vtable { report(.vtableChanged, key: [old.vtable, new.vtable], values: []) }
        }
    }
}

extension FrameLayout {
    /// What a slot says of its frame, as far as a kind of change is about it.
    fileprivate func text(of content: SlotContent, _ kind: ChangeKind, frame: UInt64) -> String {
        switch kind {
        case .referencesChanged: return referenceText(content)
        case .vtableChanged:
            return content.vtable == vtableDefault ? "default" : "0x\(String(content.vtable, radix: 16))"
        case .stateChanged:
            var parts = [FrameLayout.list(flagNames(content.flags))]
            if guardField.isPresent, content.guardBits != 0 {
                parts.append("guard \(FrameLayout.list(guardNames(content.guardBits)))")
            }
            if content.order != 0 { parts.append("order \(content.order)") }
            return parts.joined(separator: ", ")
        default:
            var parts = [state(of: content, frame: frame).name]
            if refcount.isPresent, isHandedOut(content) { parts.append(referenceText(content)) }
            if generation.isPresent { parts.append("generation \(content.generation)") }
            return parts.joined(separator: ", ")
        }
    }

    private func referenceText(_ content: SlotContent) -> String {
        guard content.refcount != refcountUnused else { return "not counted" }
        let count = references(stored: content.refcount)
        return count == 1 ? "1 reference" : "\(count) references"
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: "|") }
}
