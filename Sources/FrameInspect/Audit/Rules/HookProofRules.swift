internal import CallGraph
internal import GuestMemory

/// What the installed hooks can reach.
struct HookProofRules: AuditRule {
    static let identifiers: [RuleIdentifier] = [
        .hookAllocates, .hookLocks, .hookPanics, .hookEnablesIRQs, .hookBlocks, .hookUnproven,
    ]

    func check(_ facts: AuditFacts, _ collector: inout AuditCollector) {
        if let obstacle = facts.proofObstacle { return collector.skip(Self.identifiers, .notRun(obstacle)) }
        for use in HookUse.all(in: facts) {
            guard let proof = facts.proofs[use.place.address.rawValue] else { continue }
            var told: Set<SinkKind> = []
            for violation in proof.violations where told.insert(violation.kind).inserted {
                report(violation, use, facts, &collector)
            }
            guard proof.verdict == .unproven, let gap = proof.gaps.first else { continue }
            let others = proof.gaps.count - 1 + proof.omitted
            collector.report(
                Finding(
                    .hookUnproven, subject: use.name, frames: use.frames,
                    message: "\(use.name) could not be proved to keep its contract: \(gap.text)"
                        + (others > 0 ? " (and \(others) more)" : ""),
                    evidence: evidence(use, facts), place: use.place, path: gap.path,
                    next: "inspectd hooks \(use.name)",
                    confidence: .constant))
        }
    }

    private func report(
        _ violation: HookViolation, _ use: HookUse, _ facts: AuditFacts, _ collector: inout AuditCollector
    ) {
        let rule: RuleIdentifier
        let verb: String
        switch violation.kind {
        case .allocation: (rule, verb) = (.hookAllocates, "can enter an allocator")
        case .lock: (rule, verb) = (.hookLocks, "can take a lock")
        case .panic: (rule, verb) = (.hookPanics, "can panic")
        case .interrupts: (rule, verb) = (.hookEnablesIRQs, "can enable interrupts")
        case .blocking: (rule, verb) = (.hookBlocks, "can wait without end")
        }
        collector.report(
            Finding(
                rule, subject: use.name, frames: use.frames, message: "\(use.name) \(verb): \(violation.sink)",
                evidence: evidence(use, facts), place: use.place, path: violation.path,
                next: "inspectd hooks \(use.name)",
                confidence: .constant))
    }

    /// The way to the hook: from a slot to a vtable, from the vtable to the code.
    private func evidence(_ use: HookUse, _ facts: AuditFacts) -> [Evidence] {
        use.frames.prefix(1).map { facts.slots.evidence(.vtable, of: $0.first) } + use.evidence
    }
}
