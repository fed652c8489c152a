internal import GuestMemory

/// Slots whose fields contradict each other.
struct SlotRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [
        .flagsContradict, .sentinelBroken, .poisonHalfSet, .poisonRecycled, .orderMisaligned, .vtableOnFreeFrame,
    ]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        for run in facts.survey.contradictions {
            guard let rule = SlotRules.rule(for: run.contradiction) else { continue }
            let first = FrameNumber(run.first)
            var fields: [SlotField] = [.flags]
            switch run.contradiction {
            case .freeCounted: fields.append(.refcount)
            case .freeWithVtable: fields.append(.vtable)
            case .freeWithGuard, .poisonHalfSet: fields.append(.guard)
            case .misaligned: fields += [.order, .next, .prev]
            case .orderTooLarge: fields.append(.order)
            case .poisonedListed: fields += [.guard, .next, .prev]
            case .unmanagedInUse: fields += [.refcount, .next, .prev, .guard, .vtable]
            default: break
            }
            fields.append(.generation)
            collector.report(
                Finding(
                    rule, subject: "\(run.contradiction.name) at \(first.address)",
                    frames: [FrameRange(first, count: run.count)],
                    message: run.count == 1
                        ? "frame \(first.address): \(run.contradiction.text)"
                        : "\(run.count) frames from \(first.address) on: \(run.contradiction.text)",
                    evidence: fields.filter { facts.layout[$0].isPresent }.map { facts.slots.evidence($0, of: first) },
                    next: "inspectd frame \(first.address)"))
        }
    }

    /// The rule that a contradiction breaks; nil for what kernels with this contract may do.
    static func rule(for contradiction: Contradiction) -> RuleIdentifier? {
        switch contradiction {
        case .freeAndAllocated, .noAllocatorFlag, .unmanagedInUse, .freeAndClaimed, .kernelAndUser: .flagsContradict
        case .freeCounted, .freeWithGuard: .sentinelBroken
        case .freeWithVtable: .vtableOnFreeFrame
        case .misaligned, .orderTooLarge: .orderMisaligned
        case .poisonHalfSet: .poisonHalfSet
        case .poisonedListed: .poisonRecycled
        // A block's other pages keep stale counts, and raw blocks count nothing: neither is a fault.
        case .claimedUncounted, .countedUnclaimed: nil
        }
    }
}
