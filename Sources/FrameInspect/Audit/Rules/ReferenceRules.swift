internal import GuestMemory

/// Pins that do not go away, and counts of references that disagree.
struct ReferenceRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [.pinOrphaned, .pinStale, .referenceMismatch, .blockOverlap]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        guard let table = facts.books.ownership.usable(Self.identifiers, "the ownership table", &collector) else {
            return
        }
        var end: (frame: UInt64, entry: OwnershipTable.Entry)?
        for index in 0..<table.count {
            let entry = table[index]
            checkPins(entry, table, facts, &collector)
            checkCounts(entry, table, facts, &collector)
            if let last = end, entry.head.rawValue < last.frame {
                collector.report(overlap(last.entry, entry, facts))
            }
            let entryEnd = entry.head.rawValue &+ entry.frameCount
            if entryEnd > end?.frame ?? 0 { end = (entryEnd, entry) }
        }
    }

    private func checkPins(
        _ entry: OwnershipTable.Entry, _ table: OwnershipTable, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        guard entry.transientRefs > 0 else { return }
        let pins = entry.transientRefs == 1 ? "1 pin" : "\(entry.transientRefs) pins"
        let isOrphaned = entry.capabilities.isEmpty
        let kept = "keeps \(entry.text) alive"
        let holders = entry.capabilities.count == 1 ? "1 capability" : "\(entry.capabilities.count) capabilities"
        collector.report(
            Finding(
                isOrphaned ? .pinOrphaned : .pinStale, subject: entry.text, frames: [entry.frames],
                message: isOrphaned
                    ? "\(pins) \(kept), which no capability holds" : "\(pins) \(kept) beside \(holders)",
                evidence: counts(entry, table, facts), next: "inspectd owner \(entry.head.address)"))
    }

    private func checkCounts(
        _ entry: OwnershipTable.Entry, _ table: OwnershipTable, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        let sum = UInt64(entry.capabilities.count) &+ entry.transientRefs
        let slot = facts.slots[entry.head]
        var faults: [String] = []
        if entry.refcount != sum {
            faults.append(
                "the entry counts \(entry.refcount) references, but has \(entry.capabilities.count) capabilities and "
                    + "\(entry.transientRefs) pins")
        }
        if let slot, facts.layout.refcount.isPresent, slot.references != entry.refcount {
            let stored = slot.references.map { String($0) } ?? "none (unused)"
            faults.append("the head's slot counts \(stored), the entry \(entry.refcount)")
        }
        guard !faults.isEmpty else { return }
        collector.report(
            Finding(
                .referenceMismatch, subject: entry.text, frames: [entry.frames],
                message: "\(entry.text): \(faults.joined(separator: "; "))", evidence: counts(entry, table, facts),
                next: "inspectd owner \(entry.head.address)"))
    }

    private func counts(
        _ entry: OwnershipTable.Entry, _ table: OwnershipTable, _ facts: AuditFacts
    ) -> [Evidence] {
        let source = "ownership entry of \(entry.head.address)"
        var evidence = [
            Evidence("refcount", String(entry.refcount), at: table.refcountAddress(of: entry), from: source),
            Evidence(
                "capabilities", String(entry.capabilities.count), at: table.capabilityCountAddress(of: entry),
                from: source),
            Evidence(
                "transient_refs", String(entry.transientRefs), at: table.transientRefsAddress(of: entry), from: source),
        ]
        for field in [SlotField.refcount, .generation] where facts.layout[field].isPresent {
            evidence.append(facts.slots.evidence(field, of: entry.head))
        }
        return evidence
    }

    private func overlap(
        _ first: OwnershipTable.Entry, _ second: OwnershipTable.Entry, _ facts: AuditFacts
    ) -> Finding {
        Finding(
            .blockOverlap, subject: "\(first.text), \(second.text)", frames: [first.frames, second.frames],
            message: "\(first.text) and \(second.text) are both owned, and overlap",
            evidence: [first, second].map {
                Evidence("order", String($0.order), at: $0.address, from: "ownership entry of \($0.head.address)")
            }, next: "inspectd owner \(second.head.address)")
    }
}
