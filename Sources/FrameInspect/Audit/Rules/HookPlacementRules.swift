internal import GuestMemory

/// Hooks on pages of a block where they never run, or on some of its pages only.
struct HookPlacementRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [.hookDead, .hookPartial]

    /// The most pages of a block that are looked at, 2 GiB.
    private static let maximumPages: UInt64 = 1 << 19

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        guard facts.layout.vtable.isPresent else {
            return collector.skip(Self.identifiers, .notRun("the frames of this kernel have no vtables"))
        }
        let vtables = Dictionary(uniqueKeysWithValues: facts.vtables.map { ($0.description.pointer, $0) })
        var checked: UInt64?
        for run in facts.survey.vtables {
            for frame in run.first..<(run.first &+ run.count) {
                guard let slot = facts.slots[FrameNumber(frame)], !facts.slots.isFree(frame) else { continue }
                guard UInt64(slot.order) <= facts.layout.maxOrder else { continue }
                let head = frame & ~((1 &<< UInt64(slot.order)) &- 1)
                // Runs ascend, and so do blocks.
                guard slot.order > 0, head != checked else { continue }
                checked = head
                check(block: head, order: slot.order, vtables, facts, &collector)
            }
        }
    }

    private func check(
        block head: UInt64, order: UInt8, _ vtables: [UInt64: AuditFacts.Vtable], _ facts: AuditFacts,
        _ collector: inout AuditCollector
    ) {
        let count = 1 &<< UInt64(order)
        guard count <= Self.maximumPages else { return }
        func vtable(_ frame: UInt64) -> FrameMetaVtable? {
            guard let pointer = facts.slots.withSlot(of: frame, { facts.layout.vtable.load($0) }) else { return nil }
            guard let known = vtables[pointer], !known.description.isDefault else { return nil }
            return known.description.vtable
        }
        let headHook = vtable(head)?.onLastRef
        var dead: [FrameRange] = []
        var deadHook: VirtualAddress?
        var with: [FrameRange] = []
        var without: [FrameRange] = []
        for frame in head..<(head &+ count) {
            // Pages that the kernel split off are blocks of their own.
            guard facts.slots.withSlot(of: frame, { facts.layout.order.load($0) }) == UInt64(order) else { continue }
            let own = vtable(frame)
            // A vtable that the page needs for its on_unmap may be the head's as well, where on_last_ref does run.
            let isShared = own?.onUnmap != nil && own?.onLastRef == headHook
            if frame != head, let hook = own?.onLastRef, !isShared {
                dead.append(FrameRange(FrameNumber(frame)))
                deadHook = hook
            }
            if own?.onUnmap == nil {
                without.append(FrameRange(FrameNumber(frame)))
            } else {
                with.append(FrameRange(FrameNumber(frame)))
            }
        }
        let block = "block \(FrameNumber(head).address) of order \(order)"
        if let first = dead.first?.first, let hook = deadHook {
            collector.report(
                Finding(
                    .hookDead, subject: block, frames: dead,
                    message: "\(block): on_last_ref (\(hexadecimal(hook.rawValue))) is on a page that is not the head, "
                        + "where it never runs",
                    evidence: evidence(first, FrameNumber(head), facts), next: "inspectd frame \(first.address)"))
        }
        if let first = with.first?.first, let other = without.first?.first {
            collector.report(
                Finding(
                    .hookPartial, subject: block, frames: with + without,
                    message:
                        "\(block): on_unmap is on \(with.count) of its \(with.count + without.count) pages; it will not "
                        + "run for the others",
                    evidence: [facts.slots.evidence(.vtable, of: first), facts.slots.evidence(.vtable, of: other)]
                        + generation(FrameNumber(head), facts),
                    next: "inspectd dump --range \(FrameNumber(head).address)..\(FrameNumber(head &+ count).address)"))
        }
    }

    private func evidence(_ frame: FrameNumber, _ head: FrameNumber, _ facts: AuditFacts) -> [Evidence] {
        [facts.slots.evidence(.vtable, of: frame), facts.slots.evidence(.vtable, of: head)] + generation(head, facts)
    }

    private func generation(_ head: FrameNumber, _ facts: AuditFacts) -> [Evidence] {
        facts.layout.generation.isPresent ? [facts.slots.evidence(.generation, of: head)] : []
    }
}
