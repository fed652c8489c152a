/// One look at a guest that is watched: the frame table, the kernel's books and what the rules say, all of one moment where the
/// guest could be stopped.
public struct Observation: Sendable {
    /// The frame table.
    public let capture: FrameCapture
    /// Whether the guest ran when it was looked at.
    public let guestRan: Bool
    /// What the rules looked at.
    let facts: AuditFacts
    /// What they said.
    let collector: AuditCollector

    /// The kernel's books.
    public var books: KernelBooks { facts.books }
    /// Where all of it comes from.
    public var provenance: Provenance { capture.provenance }
    /// The slots.
    public var slots: SlotView { capture.view }
    /// Every vtable that slots name, other than the default.
    public var vtables: [AuditFacts.Vtable] { facts.vtables }

    /// Every installed hook, with what it can reach.
    public func hooks() -> [HookSurvey.Entry] { HookSurvey.entries(facts) }

    /// The frames counted by flags, state, order, references and zone.
    public func summary() -> FrameSummary {
        var census = FrameCensus(layout: slots.layout, zones: capture.allocator.zones, books: capture.allocator.books)
        forEachBatch { census.add($0) }
        return census.summary
    }

    /// The table as runs of frames in one state, by ascending frame.
    public func stateRuns() -> [StateRuns.Run] {
        var collector = StateRuns(layout: slots.layout, books: capture.allocator.books)
        var runs: [StateRuns.Run] = []
        forEachBatch { batch in collector.add(batch) { runs.append($0) } }
        collector.finish { runs.append($0) }
        return runs
    }

    /// The pinned blocks, by address, with the ages of those that a watch knows.
    public func pins(_ lives: [PinWatch.Life] = []) -> PinSurvey {
        let ages = Dictionary(lives.map { ($0.head, $0.age) }, uniquingKeysWith: { max($0, $1) })
        let pins = PinnedBlock.all(in: books, slots).map { pin in
            var pin = pin
            pin.age = ages[pin.entry.head]
            return pin
        }
        return PinSurvey(
            pins: pins, owners: books.ownership.value?.count ?? 0, status: books.ownership.status, passed: 0,
            provenance: provenance)
    }

    /// What an audit would say of these findings, which a watch made sure of.
    public func report(_ findings: [Finding], rules: Set<RuleIdentifier>?, looks: Int, seconds: Double) -> AuditReport {
        let counts = Dictionary(grouping: findings, by: \.rule).mapValues(\.count)
        let statuses = RuleIdentifier.allCases.filter { rules?.contains($0) ?? !$0.isTraced }.map { rule in
            let outcome: AuditReport.Outcome =
                switch collector.obstacles[rule] {
                case nil:
                    rule.isTraced
                        ? .notRun("only a trace of the running guest can see it: inspectd trace hooks") : .checked
                case .notRun(let reason)?: .notRun(reason)
                case .midChange(let reason)?: .unsettled(reason)
                }
            return AuditReport.RuleStatus(
                rule: rule, outcome: outcome, findings: counts[rule] ?? 0, inFlight: 0,
                omitted: collector.omitted[rule] ?? 0)
        }
        return AuditReport(
            findings: findings, rules: statuses, samples: looks, seconds: seconds, slots: UInt64(slots.count),
            owners: books.ownership.value?.count, hooks: HookUse.all(in: facts).count, gaps: books.gaps,
            provenance: provenance, longestPause: provenance.pauseSeconds)
    }

    /// Hands out the slots in order, which lie one after the other in the copy.
    func forEachBatch(_ body: (SlotBatch) -> Void) {
        let range = slots.slots
        guard !range.isEmpty else { return }
        slots.withSlots(range) { base in
            body(SlotBatch(firstIndex: range.lowerBound, count: range.count, base: base))
        }
    }
}
