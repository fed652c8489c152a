internal import GuestMemory

/// The kernel's count of quarantined pages against the slots.
struct QuarantineRule: AuditRule {
    static let identifiers: [RuleIdentifier] = [.quarantineCountMismatch]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        guard
            let counted = facts.books.quarantinedPages.usable(
                Self.identifiers, "the count of quarantined pages", &collector)
        else { return }
        guard let table = facts.books.ownership.usable(Self.identifiers, "the ownership table", &collector) else {
            return
        }
        guard let pages = facts.books.reverseMap.usable(Self.identifiers, "the page tables", &collector) else { return }
        // A poisoned frame that was freed keeps its fields: only what is owned or mapped is certainly still in use, and only
        // what has no reference left is certainly withheld.
        var certain: UInt64 = 0
        var possible: UInt64 = 0
        let knowsLists =
            facts.isOfOneMoment && facts.freeLists.status.isComplete && facts.cachedFrames.status.isComplete
        for range in facts.survey.quarantined {
            for number in range.first.rawValue..<(range.first.rawValue &+ range.count) {
                // What is free and can be allocated is not withheld, which is another rule's matter.
                if facts.canBeAllocated(number) { continue }
                possible &+= 1
                if knowsLists || !facts.slots.isFree(number) { certain &+= 1 }
            }
        }
        for range in facts.survey.poisoned {
            for number in range.first.rawValue..<(range.first.rawValue &+ range.count) {
                let frame = FrameNumber(number)
                let isUsed = table.index(ofBlockHolding: frame) != nil || !pages.uses(of: frame).isEmpty
                if !isUsed { possible &+= 1 }
            }
        }
        guard counted < certain || counted > possible else { return }
        let range = certain == possible ? "\(certain)" : "\(certain) to \(possible)"
        collector.report(
            Finding(
                .quarantineCountMismatch, subject: "quarantined pages",
                frames: facts.survey.quarantined.prefix(16).map { $0 },
                message: "the kernel counts \(counted) quarantined pages, the frame table has \(range)",
                evidence: [
                    Evidence("count", String(counted), at: facts.quarantineAddress, from: "the allocator"),
                    Evidence("poisoned frames", range, from: "frame table"),
                ], next: "inspectd dump --where 'flags.POISONED'"))
    }
}
