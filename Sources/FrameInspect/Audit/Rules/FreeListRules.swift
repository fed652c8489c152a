internal import GuestMemory

/// Free lists, per-CPU caches, and free blocks in neither.
struct FreeListRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [
        .freelistCycle, .freelistBrokenLink, .freelistWrongState, .freeUnlisted, .orderMisaligned, .blockOverlap,
        .poisonRecycled,
    ]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        let own: [RuleIdentifier] = [.freelistCycle, .freelistBrokenLink, .freelistWrongState, .freeUnlisted]
        guard facts.isOfOneMoment else {
            return collector.skip(
                own,
                .notRun("free lists can be followed only in a guest that stands still: --consistency paused"))
        }
        guard let walk = facts.freeLists.usable(own, "the free lists", &collector) else { return }
        for problem in walk.problems { report(problem, walk, facts, &collector) }
        checkPoisoned(walk, facts, &collector)
        checkUnlisted(walk, facts, &collector)
    }

    /// Poisoned frames that an allocation can get: anywhere in a block on a free list, or in a per-CPU cache.
    private func checkPoisoned(_ walk: FreeListWalk, _ facts: AuditFacts, _ collector: inout AuditCollector) {
        var found: [FrameRange] = []
        // First frames with links say so themselves, and are another rule's.
        for range in facts.survey.quarantined {
            for number in range.first.rawValue..<(range.first.rawValue &+ range.count)
            where facts.canBeAllocated(number) {
                if let last = found.last, last.first.rawValue &+ last.count == number {
                    found[found.count - 1].count &+= 1
                } else {
                    found.append(FrameRange(FrameNumber(number)))
                }
            }
        }
        for range in found {
            let address = range.first.address
            let place = walk.isListed(range.first.rawValue, facts) ? "on a free list" : "in a per-CPU cache"
            collector.report(
                Finding(
                    .poisonRecycled, subject: "frame \(address)", frames: [range],
                    message: range.count == 1
                        ? "frame \(address) is poisoned, but \(place)"
                        : "\(range.count) frames from \(address) on are poisoned, but \(place)",
                    evidence: slots([.flags, .guard, .generation], range.first, facts),
                    next: "inspectd frame \(address)"))
        }
    }

    private func checkUnlisted(_ walk: FreeListWalk, _ facts: AuditFacts, _ collector: inout AuditCollector) {
        guard walk.problemCount == 0 else {
            return collector.skip(
                [.freeUnlisted],
                .notRun("a free list is broken: what lies behind the break cannot be told from what is lost"))
        }
        guard let cached = facts.cachedFrames.usable([.freeUnlisted], "the per-CPU caches", &collector) else {
            return
        }
        guard !facts.survey.isTruncated else {
            return collector.skip([.freeUnlisted], .notRun("the table has too many free blocks to look at each"))
        }
        func check(_ number: UInt64) {
            let frame = FrameNumber(number)
            guard let index = facts.layout.index(of: frame), !walk.listed[Int(index)], !cached.contains(number) else {
                return
            }
            let order = facts.slots[frame]?.order ?? 0
            collector.report(
                Finding(
                    .freeUnlisted, subject: "free block \(frame.address) of order \(order)",
                    frames: [FrameRange(frame, count: order <= 40 ? 1 << UInt64(order) : 1)],
                    message:
                        "the free block \(frame.address) of order \(order) is on no free list and in no per-CPU cache: "
                        + "it is lost",
                    evidence: slots([.flags, .order, .next, .prev, .generation], frame, facts),
                    next: "inspectd frame \(frame.address)"))
        }
        for number in facts.survey.freeHeads { check(number) }
        // A free block whose first slot contradicts itself in what says nothing of lists can be lost as well.
        for run in facts.survey.contradictions where FreeListRules.saysNothingOfLists(run.contradiction) {
            for number in run.first..<(run.first &+ run.count) where facts.slots.isFree(number) {
                guard let order = facts.slots[FrameNumber(number)]?.order, UInt64(order) <= facts.layout.maxOrder,
                    number & ((1 &<< UInt64(order)) &- 1) == 0
                else { continue }
                check(number)
            }
        }
    }

    private static func saysNothingOfLists(_ contradiction: Contradiction) -> Bool {
        switch contradiction {
        case .freeCounted, .freeWithVtable, .freeWithGuard: true
        default: false
        }
    }

    private func report(
        _ problem: FreeListWalk.Problem, _ walk: FreeListWalk, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        let list = walk.lists[problem.list]
        let name = facts.name(of: list.head)
        let frame = problem.frame
        let at = frame.map { $0.address.description } ?? "its head"
        let rule: RuleIdentifier
        let message: String
        var fields: [SlotField] = [.next, .prev]
        switch problem.kind {
        case .cycle: (rule, message) = (.freelistCycle, "\(name) leads back to \(at): an allocation from it never ends")
        case .metTwice: (rule, message) = (.blockOverlap, "the block \(at) is on \(name) and on another list too")
        case .overlap:
            (rule, message) = (
                .blockOverlap, "the block \(at) of \(name) overlaps the free block \(hexadecimal(problem.found))"
            )
            fields.append(.order)
        case .backLink:
            let found = problem.found == facts.layout.linkNone ? "nothing" : hexadecimal(problem.found)
            let expected = problem.expected == facts.layout.linkNone ? "nothing" : hexadecimal(problem.expected)
            (rule, message) = (
                .freelistBrokenLink, "\(name): \(at) points back to \(found), but \(expected) is before it"
            )
        case .outsideTable, .outsideSegment, .notAFrame:
            let place =
                problem.kind == .notAFrame
                ? "no frame's address"
                : problem.kind == .outsideTable ? "outside the frame table" : "in another segment"
            (rule, message) = (
                .freelistBrokenLink, "\(name): the link to \(hexadecimal(problem.found)) after \(at) is \(place)"
            )
        case .misaligned:
            (rule, message) = (.orderMisaligned, "\(name): no block of this order can begin at \(at)")
            fields.append(.order)
        case .state:
            (rule, message) = (.freelistWrongState, "\(name) has \(at), which is not free")
            fields.append(.flags)
        case .order:
            (rule, message) = (
                .freelistWrongState, "\(name) has \(at), whose order is \(problem.found) instead of \(problem.expected)"
            )
            fields.append(.order)
        case .count:
            (rule, message) = (
                .freelistWrongState, "\(name) has \(problem.found) blocks, but the kernel counts \(problem.expected)"
            )
        }
        var evidence = [
            Evidence(
                "head", list.head.first.rawValue == 0 ? "empty" : list.head.first.description, at: list.head.address,
                from: name)
        ]
        if let frame { evidence += slots(fields + [.generation], frame, facts) }
        // Of a list: its first block. Of a block: all of it, and the one that leads to it.
        var frames = [FrameRange(frame ?? FrameNumber(containing: list.head.first))]
        switch problem.kind {
        case .cycle, .metTwice, .backLink:
            if problem.expected != facts.layout.linkNone {
                frames.append(FrameRange(FrameNumber(problem.expected >> 12)))
            }
        case .overlap:
            frames[0].count = 1 &<< UInt64(list.head.order)
            let other = FrameNumber(problem.found >> 12)
            let order = facts.slots[other]?.order ?? 0
            frames.append(FrameRange(other, count: order <= 40 ? 1 << UInt64(order) : 1))
            evidence += slots(fields + [.generation], other, facts)
        default: break
        }
        collector.report(
            Finding(
                rule, subject: "\(name) at \(at)", frames: frames,
                message: message, evidence: evidence,
                next: frame.map { "inspectd frame \($0.address)" } ?? "inspectd summary"))
    }

    private func slots(_ fields: [SlotField], _ frame: FrameNumber, _ facts: AuditFacts) -> [Evidence] {
        fields.filter { facts.layout[$0].isPresent }.map { facts.slots.evidence($0, of: frame) }
    }
}

extension AuditFacts {
    /// Whether a free list or a per-CPU cache has the frame, as far as they could be read.
    func canBeAllocated(_ frame: UInt64) -> Bool {
        guard slots.isFree(frame) else { return false }
        return freeLists.value?.isListed(frame, self) == true || cachedFrames.value?.contains(frame) == true
    }
}

extension FreeListWalk {
    /// Whether the frame lies in a block on a list.
    func isListed(_ frame: UInt64, _ facts: AuditFacts) -> Bool {
        facts.slots.row(of: FrameNumber(frame)).map { listed[$0] } ?? false
    }
}
