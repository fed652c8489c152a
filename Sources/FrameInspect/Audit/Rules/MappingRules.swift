internal import GuestMemory

/// Page tables, capabilities and the frame table against each other.
struct MappingRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [
        .mappingOfFreeFrame, .mappingExceedsReferences, .capabilityUnmapped, .referenceUnowned,
    ]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        let pages = facts.books.reverseMap.usable(Self.identifiers, "the page tables", &collector)
        guard let pages else { return }
        checkFreeFrames(pages, facts, &collector)
        guard
            let table = facts.books.ownership.usable(
                [.mappingExceedsReferences, .capabilityUnmapped, .referenceUnowned], "the ownership table", &collector)
        else { return }
        let index = facts.books.mappings.usable(
            [.mappingExceedsReferences, .capabilityUnmapped, .referenceUnowned], "the mapping index", &collector)
        guard let index else { return }
        let roots = pages.roots
        for row in 0..<table.count {
            let entry = table[row]
            checkReferences(entry, pages, roots, table, index, facts, &collector)
            checkCapabilities(entry, pages, index, facts, &collector)
        }
        checkUnowned(pages, table, facts, &collector)
    }

    private func checkFreeFrames(_ pages: ReverseMap, _ facts: AuditFacts, _ collector: inout AuditCollector) {
        for row in 0..<pages.count {
            let mapping = pages[row]
            guard !mapping.isDirectMap, pages.roots[mapping.root].isInUse else { continue }
            var start: UInt64?
            func report(upTo end: UInt64) {
                guard let first = start else { return }
                start = nil
                let frame = FrameNumber(first)
                let virtual = mapping.virtual(of: frame)
                collector.report(
                    Finding(
                        .mappingOfFreeFrame,
                        subject: "\(frame.address) at \(virtual) of \(pages.name(ofRoot: mapping.root))",
                        frames: [FrameRange(frame, count: end &- first)],
                        message:
                            "\(virtual) of \(pages.name(ofRoot: mapping.root)) is mapped to \(frame.address), which is free",
                        evidence: [
                            Evidence(
                                "mapping", "\(frame.address) \(mapping.permissions.text)", at: virtual,
                                physical: frame.address, from: "page tables of \(pages.name(ofRoot: mapping.root))")
                        ] + self.slot([.flags, .refcount, .generation], frame, facts),
                        next: "inspectd owner \(frame.address)"))
            }
            for frame in mapping.frame.rawValue..<(mapping.frame.rawValue &+ mapping.frameCount) {
                if facts.slots.isFree(frame) {
                    start = start ?? frame
                } else {
                    report(upTo: frame)
                }
            }
            report(upTo: mapping.frame.rawValue &+ mapping.frameCount)
        }
    }

    private func checkReferences(
        _ entry: OwnershipTable.Entry, _ pages: ReverseMap, _ roots: [ReverseMap.Root], _ table: OwnershipTable,
        _ index: MappingIndex, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        // One capability may be mapped in several places: what the index knows of is accounted for.
        lazy var known = entry.capabilities.flatMap { index.mappings(of: $0) }
        func isKnown(_ mapping: ReverseMap.Mapping, _ frame: FrameNumber) -> Bool {
            let address = mapping.virtual(of: frame).rawValue
            let space = roots[mapping.root].identifier
            return known.contains {
                address &- $0.address.rawValue < $0.pageSize && (space == nil || space == $0.space)
            }
        }
        var worst: (frame: FrameNumber, mappings: [ReverseMap.Mapping])?
        for number in entry.head.rawValue..<(entry.head.rawValue &+ min(entry.frameCount, 1 << 18)) {
            let frame = FrameNumber(number)
            var count: UInt64 = 0
            pages.forEachMapping(of: frame) { mapping in
                if mapping.half == .user { count &+= 1 }
                return count <= entry.refcount
            }
            guard count > entry.refcount else { continue }
            let mappings = pages.uses(of: frame).filter { $0.half == .user && roots[$0.root].isInUse }
            guard UInt64(mappings.count) > entry.refcount, !mappings.allSatisfy({ isKnown($0, frame) }) else {
                continue
            }
            if mappings.count > worst?.mappings.count ?? 0 { worst = (frame, mappings) }
        }
        guard let worst else { return }
        collector.report(
            Finding(
                .mappingExceedsReferences, subject: entry.text, frames: [FrameRange(worst.frame)],
                message:
                    "\(worst.frame.address) of \(entry.text) is mapped \(worst.mappings.count) times, but the block has "
                    + "\(entry.refcount) references",
                evidence: worst.mappings.prefix(8).map { mapping in
                    Evidence(
                        "mapping", mapping.permissions.text, at: mapping.virtual(of: worst.frame),
                        physical: worst.frame.address, from: "page tables of \(pages.name(ofRoot: mapping.root))")
                } + [
                    Evidence(
                        "refcount", String(entry.refcount), at: table.refcountAddress(of: entry),
                        from: "ownership entry of \(entry.head.address)")
                ] + slot([.generation], entry.head, facts), next: "inspectd owner \(worst.frame.address)"))
    }

    private func checkCapabilities(
        _ entry: OwnershipTable.Entry, _ pages: ReverseMap, _ index: MappingIndex, _ facts: AuditFacts,
        _ collector: inout AuditCollector
    ) {
        // Kernel blocks are used through the direct map: only what is claimed for user space is expected in a page table.
        guard !entry.capabilities.isEmpty, let slot = facts.slots[entry.head],
            slot.flags & facts.layout.userMask != 0
        else { return }
        guard entry.capabilities.allSatisfy({ index.mappings(of: $0).isEmpty }) else { return }
        for frame in entry.head.rawValue..<(entry.head.rawValue &+ min(entry.frameCount, 1 << 18)) {
            var isMapped = false
            pages.forEachMapping(of: FrameNumber(frame)) { mapping in
                isMapped = isMapped || !mapping.isDirectMap
                return !isMapped
            }
            if isMapped { return }
        }
        let holders = entry.capabilities.prefix(4).map { String($0) }.joined(separator: ", ")
        collector.report(
            Finding(
                .capabilityUnmapped, subject: entry.text, frames: [entry.frames],
                message:
                    "\(entry.text) is held by \(entry.capabilities.count == 1 ? "capability" : "capabilities") \(holders), "
                    + "but neither the mapping index nor a page table maps it",
                evidence: [
                    Evidence(
                        "capabilities", entry.capabilities.prefix(8).map { String($0) }.joined(separator: " "),
                        at: entry.address, from: "ownership entry of \(entry.head.address)")
                ] + self.slot([.flags, .refcount, .generation], entry.head, facts),
                next: "inspectd owner \(entry.head.address)"))
    }

    private func checkUnowned(
        _ pages: ReverseMap, _ table: OwnershipTable, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        for range in facts.survey.userFrames {
            for number in range.first.rawValue..<(range.first.rawValue &+ range.count) {
                let frame = FrameNumber(number)
                guard let references = facts.slots[frame]?.references, references > 0 else { continue }
                guard table.index(ofBlockHolding: frame) == nil else { continue }
                var isMapped = false
                pages.forEachMapping(of: frame) { mapping in
                    isMapped = isMapped || !mapping.isDirectMap
                    return !isMapped
                }
                guard !isMapped else { continue }
                collector.report(
                    Finding(
                        .referenceUnowned, subject: "frame \(frame.address)", frames: [FrameRange(frame)],
                        message:
                            "frame \(frame.address) counts \(references) references, but no ownership entry, no page "
                            + "table and no mapping has it",
                        evidence: slot([.flags, .order, .refcount, .generation], frame, facts),
                        next: "inspectd owner \(frame.address)"))
            }
        }
    }

    private func slot(_ fields: [SlotField], _ frame: FrameNumber, _ facts: AuditFacts) -> [Evidence] {
        fields.filter { facts.layout[$0].isPresent }.map { facts.slots.evidence($0, of: frame) }
    }
}
