internal import GDBRemote
internal import GuestMemory

extension Inspector {
    /// Traces hooks or pins of the running guest, and leaves it running without a breakpoint, however the trace ends.
    ///
    /// Goes through the GDB stub; where none was named, one is started through the monitor and stopped again.
    /// - Parameters:
    ///   - options: What to trace, and for how long.
    ///   - tell: Is told what is seen, in order, while the guest runs; returns false to end the trace.
    /// - Throws: ``InspectorError``; `.usage` for a core file, a paused guest, a hook that is not installed, and a frame outside
    ///   the table. A cancelled trace does not throw: its report says so.
    public func trace(
        _ options: TraceOptions, _ tell: @escaping @Sendable (TraceEvent) -> Bool
    ) async throws(InspectorError) -> TraceReport {
        guard let link else {
            throw InspectorError(.usage, "a core file does not run: a trace needs a running guest, give --qmp or --gdb")
        }
        guard link.wasRunning else {
            throw InspectorError(
                .usage,
                "the guest is paused, so that nothing would be called: let it run ('cont' in its monitor), then trace it"
            )
        }
        try check(options)
        let plan = TracePlan(self, parts: options.subject == .hooks ? [.release, .free] : [.pin, .unpin])
        if options.subject == .pins {
            for part in [TracePoint.Function.Part.pin, .unpin] {
                if let reason = plan.missing[part] {
                    throw InspectorError(.imageUnusable, "\(part.rawValue)s cannot be traced: \(reason)")
                }
            }
        }
        let pointers = options.subject == .hooks ? try await hookPointers(options) : []
        var prover = HookProving(inspector: self)
        // Proved before the guest is stopped for the breakpoints, which takes longer than anything else.
        _ = try await prover.prove(hooks: Set(pointers.flatMap { [$0.onLastRef, $0.onUnmap] }.compactMap { $0 }))
        let time = WallClock.now
        let trace = try await TraceStub.open(link, target)
        let live = pointers.map(\.pointer)
        let outcome = await trace.gdb.besideAnswers { () async -> Result<TraceReport, InspectorError> in
            do throws(InspectorError) {
                return .success(try await run(options, trace, plan, live, prover, time, tell))
            } catch {
                return .failure(error)
            }
        }
        await Task { await trace.leave() }.value
        return try outcome.get()
    }

    private func check(_ options: TraceOptions) throws(InspectorError) {
        guard let frame = options.frame else { return }
        let map = memory.map
        guard map.region(containing: frame.address) != nil else {
            throw InspectorError(
                .usage, "the frame \(frame.address) is not RAM: the guest's RAM ends at \(map.end)")
        }
        guard let index = layout.index(of: frame), index < placement.slotCount else {
            throw InspectorError(
                .usage,
                "the frame \(frame.address) has no slot: the frame table covers \(layout.frame(at: 0).address) up to "
                    + "\(layout.frame(at: placement.slotCount).address)")
        }
    }

    /// A vtable that frames use now.
    private struct LiveVtable {
        var pointer: UInt64
        var onLastRef: UInt64?
        var onUnmap: UInt64?
    }

    private func hookPointers(_ options: TraceOptions) async throws(InspectorError) -> [LiveVtable] {
        let survey = try await vtables()
        var hooks: [CodePlace] = []
        let live = survey.uses.map { use in
            let description = use.description
            hooks += [description.onLastRef, description.onUnmap].compactMap { $0 }
            func code(_ place: CodePlace?) -> UInt64? {
                place?.permissions?.contains("x") == true ? place?.address.rawValue : nil
            }
            return LiveVtable(
                pointer: description.pointer, onLastRef: code(description.onLastRef), onUnmap: code(description.onUnmap)
            )
        }
        for name in options.hooks where !hooks.contains(where: { Tracer.means(name, $0) }) {
            let names = Set(hooks.map { $0.symbolText ?? hexadecimal($0.address.rawValue) }).sorted()
            throw InspectorError(
                .usage,
                "no installed hook is '\(name)'; "
                    + (names.isEmpty
                        ? "no frame has a vtable with a hook; leave the name out to trace those that are installed later"
                        : "installed are: \(names.joined(separator: ", "))"))
        }
        return live
    }

    /// Sets the breakpoints and runs the guest through them.
    private func run(
        _ options: TraceOptions, _ trace: TraceStub, _ plan: TracePlan, _ pointers: [UInt64], _ prover: HookProving,
        _ time: Double, _ tell: @escaping @Sendable (TraceEvent) -> Bool
    ) async throws(InspectorError) -> TraceReport {
        let isDirect = memory.kind == .mapped || memory.kind == .process
        let space: VirtualMemory
        if isDirect {
            space = addressSpace
        } else {
            do { try await trace.gdb.setPhysicalMode(true) } catch { throw InspectorError(error) }
            space = VirtualMemory(memory: StubMemory.over(trace.gdb, map: memory.map), mode: addressSpace.mode)
        }
        let tracer = try await Tracer(
            self, link: trace.link, stub: trace.gdb, options, plan: plan, prover: prover,
            memory: TraceMemory(space: space, stub: isDirect ? nil : trace.gdb), tell: tell)
        // The hooks first: where hardware breakpoints are few, they are the ones that must not be missed.
        for pointer in pointers { try await tracer.learn(pointer, isLater: false) }
        for function in plan.functions { tracer.update(function.place.address.rawValue) { $0.function = function } }
        try await tracer.place()
        let rung = isDirect ? memory.kind : .gdbstub
        tracer.emit(.started(tracer.startEvent))
        for problem in options.subject == .hooks ? plan.lockProblems : [] { tracer.note(problem) }
        for (part, reason) in plan.missing.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            tracer.note("the \(part.rawValue) of blocks is not watched: \(reason)")
        }
        let ending = try await tracer.run()
        return tracer.report(
            ending,
            provenance: Provenance(
                rung: rung, consistent: false, time: time, qemuVersion: version))
    }
}

extension Tracer {
    /// What is watched.
    var startEvent: TraceStart {
        TraceStart(
            subject: options.subject,
            hooks: hooks.values.map(\.place).sorted { $0.address.rawValue < $1.address.rawValue },
            functions: Dictionary(
                plan.functions.map { ($0.part.rawValue, $0.place) }, uniquingKeysWith: { first, _ in first }),
            hardware: placed.count(of: .hardware), software: placed.count(of: .software), cpus: threads.count,
            durations: instructions == nil ? "host" : "instructions")
    }

    /// What was seen in all.
    func report(_ ending: TraceReport.Ending, provenance: Provenance) -> TraceReport {
        for work in deferred { work() }
        deferred = []
        finish(activations.removeAll(), .unfinished, instructions: nil)
        for work in deferred { work() }
        deferred = []
        let findings = ledger.all
        let seconds = elapsed
        return TraceReport(
            subject: options.subject, ending: ending, findings: findings, omitted: ledger.omitted,
            rules: options.subject == .hooks ? rules(findings) : [], calls: activations.count,
            callsByHook: callsByHook.sorted { $0.key < $1.key }.compactMap { address, calls in
                hooks[address].map { ($0.place, calls) }
            },
            releases: releases, frees: frees, pins: pins.pinCount, unpins: pins.unpinCount,
            earlierPins: pins.earlierCount, outstanding: pins.outstanding(at: seconds), stops: stops, seconds: seconds,
            stoppedSeconds: max(0, seconds - guestSeconds), laterHooks: laterHooks, notes: notes, provenance: provenance
        )
    }

    /// How each rule of a trace fared.
    private func rules(_ findings: [Finding]) -> [TraceReport.RuleStatus] {
        let sinks: [RuleIdentifier] = [.hookAllocates, .hookLocks, .hookPanics, .hookEnablesIRQs, .hookBlocks]
        let counts = Dictionary(grouping: findings, by: \.rule).mapValues(\.count)
        return RuleIdentifier.allCases.filter { $0.isTraced || sinks.contains($0) }.map { rule in
            var obstacle: String?
            switch rule {
            case .hookLockHeld where plan.locks.isEmpty:
                obstacle = plan.lockProblems.first ?? "the profile names no lock to look at"
            case .hookNotCalled:
                if let free = plan.missing[.free], let release = plan.missing[.release] {
                    obstacle = "neither the release of a block nor its free is seen: \(free); \(release)"
                }
            case _ where sinks.contains(rule):
                if let reason = prover.obstacle { obstacle = "the hooks' code could not be followed: \(reason)" }
            default: break
            }
            return TraceReport.RuleStatus(rule: rule, obstacle: obstacle, findings: counts[rule] ?? 0)
        }
    }
}
