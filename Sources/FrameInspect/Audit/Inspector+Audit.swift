internal import CallGraph
internal import GuestMemory

extension Inspector {
    /// Every family of rules.
    static let auditRules: [any AuditRule] = [
        SlotRules(), VtableRules(), HookPlacementRules(), HookProofRules(), ReferenceRules(), MappingRules(),
        FreeListRules(), QuarantineRule(),
    ]

    /// Extra looks, shortly one after the other, where something was being changed at every sample.
    private static let extraSamples = 8
    private static let extraInterval = Duration.milliseconds(15)

    /// Checks the guest against the contract of its kernel.
    ///
    /// A guest that stands still is looked at once. One that runs is looked at again where the first look showed something that
    /// could be a moment's state; only what stays the same in every sample is a finding.
    /// - Throws: ``InspectorError``.
    public func audit(_ options: AuditOptions = AuditOptions()) async throws(InspectorError) -> AuditReport {
        let rules = RuleIdentifier.allCases.filter { options.rules?.contains($0) ?? !$0.isTraced }
        let isStill = !guestRuns
        let clock = ContinuousClock()
        let start = clock.now
        func elapsed() -> Double { (clock.now - start).seconds }
        var trail = AuditTrail(rules: rules, isStill: isStill)
        var prover = HookProving(inspector: self)
        var first: AuditSample?
        var longestPause: Double?
        var samples = 0
        let planned = isStill ? 1 : max(options.samples, 1)
        while true {
            let time = elapsed()
            let sample = try await auditSample(&prover)
            samples += 1
            first = first ?? sample
            longestPause = [longestPause, sample.provenance.pauseSeconds].compactMap { $0 }.max()
            var collector = AuditCollector()
            for rule in Inspector.auditRules { rule.check(sample.facts, &collector) }
            trail.add(collector, at: time, isOfOneMoment: sample.facts.isOfOneMoment)
            guard !isStill else { break }
            let unsettled = !trail.unsettled.isEmpty
            if samples < planned, !trail.pending.isEmpty || trail.isUncertain {
                try await watch(trail.pending, for: options.interval) { trail.strike($0) }
            } else if unsettled, samples < planned + Inspector.extraSamples {
                try await pause(Inspector.extraInterval)
            } else {
                break
            }
        }
        guard let first else { throw InspectorError(.readFailed, "no sample of the guest could be taken") }
        let (findings, statuses) = trail.conclusion()
        return AuditReport(
            findings: findings, rules: statuses, samples: samples, seconds: elapsed(), slots: placement.slotCount,
            owners: first.facts.books.ownership.value?.count, hooks: HookUse.all(in: first.facts).count,
            gaps: first.facts.books.gaps, provenance: first.provenance, longestPause: longestPause)
    }

    /// Whether the guest runs between two looks at it.
    var guestRuns: Bool {
        guard let link else { return false }
        return link.wasRunning && !link.isHeldByStub
    }

    /// Waits; a cancelled caller is told at once.
    private func pause(_ duration: Duration) async throws(InspectorError) {
        do { try await Task.sleep(for: duration) } catch { throw .cancelled }
    }

    // MARK: Watching pins

    /// How often the slots of pinned blocks are looked at between two samples.
    private static let looks = 24
    /// The most pins that are watched.
    private static let maximumWatched = 4096

    /// Waits for the next sample, and meanwhile looks again and again at the slots of blocks that seem to have leaked a pin.
    ///
    /// A block that is pinned and let go all the time may be pinned at each of three samples; it is not at each of dozens of
    /// looks. The slot mirrors the count of references and does not move, so that one read of 64 bytes tells.
    private func watch(
        _ findings: [Finding], for interval: Duration, strike: (Set<String>) -> Void
    ) async throws(InspectorError) {
        let pins = findings.filter(\.rule.needsTime).prefix(Inspector.maximumWatched)
        guard !pins.isEmpty, memory.kind == .mapped || memory.kind == .process else { return try await pause(interval) }
        var watched: [(identity: String, index: UInt64, refcount: UInt64, generation: UInt64)] = []
        for pin in pins {
            guard let frame = pin.frames.first?.first, let index = layout.index(of: frame), index < placement.slotCount,
                let slot = try await slot(index)
            else { continue }
            watched.append((pin.identity, index, slot.refcount, slot.generation ?? 0))
        }
        // The looks are spread unevenly, so that no rhythm of the guest's fits them.
        var generator = SystemRandomNumberGenerator()
        let step = interval / Inspector.looks
        for _ in 0..<Inspector.looks {
            try await pause(step * Double.random(in: 0.5...1.5, using: &generator))
            var moved: Set<String> = []
            for pin in watched {
                guard let slot = try await slot(pin.index) else { continue }
                if slot.refcount != pin.refcount || slot.generation ?? 0 != pin.generation {
                    moved.insert(pin.identity)
                }
            }
            strike(moved)
            watched.removeAll { moved.contains($0.identity) }
            if watched.isEmpty { return try await pause(step) }
        }
    }

    private func slot(_ index: UInt64) async throws(InspectorError) -> MetaSlot? {
        do { return layout.decode(try await reader.bytes(ofSlot: index)) } catch { throw InspectorError(error) }
    }
}

extension Duration {
    /// As a number of seconds.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
