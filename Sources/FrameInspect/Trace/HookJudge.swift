internal import CallGraph
internal import GuestMemory

/// Holds the calls of hooks against the contract: what was seen goes in, findings come out.
///
/// The contract is on_last_ref of the head once, on_unmap of every page once, then the free, all with interrupts disabled.
struct HookJudge: Sendable {
    /// A call of a hook in the life of a block.
    struct Call: Hashable, Sendable {
        var role: HookRole
        var page: FrameNumber
        var hook: UInt64
        var number: Int
        var cpu: Int
        var time: Double
    }

    /// A block between two claims.
    private struct Life: Sendable {
        var generation: UInt64?
        var isFreed = false
        var calls: [Call] = []
    }

    /// A release that has begun.
    private struct Release: Sendable {
        var block: TracedBlock
        var context: TraceContext
    }

    /// Blocks that are remembered; past that those that were freed are forgotten.
    private static let lifeLimit = 1 << 15
    /// Calls that are remembered of one block.
    private static let callLimit = 1 << 13
    /// The deepest that releases may be nested.
    private static let releaseLimit = 64

    /// The hooks that are watched, by address: others are not expected to be seen.
    var hooks: [UInt64: HookPoint] = [:]
    private var lives: [FrameNumber: Life] = [:]
    private var releases: [Int: [Release]] = [:]

    // MARK: What was seen

    /// The release of a block began.
    mutating func released(_ block: TracedBlock, _ context: TraceContext) -> [Finding] {
        var running = releases[context.cpu] ?? []
        var findings: [Finding] = []
        // One that ran here or further down the stack has ended, without a free that was seen.
        while let last = running.last, last.context.register("rsp") <= context.register("rsp") {
            running.removeLast()
            findings += missing(last.block.expected, last.block, last.context, "its release ended")
        }
        if running.count < HookJudge.releaseLimit { running.append(Release(block: block, context: context)) }
        releases[context.cpu] = running
        return findings
    }

    /// A hook was entered.
    ///
    /// - Parameter running: The hooks that run on its vCPU, the new one last.
    mutating func entered(
        _ activation: HookActivations.Activation, running: [HookActivations.Activation]
    ) -> [Finding] {
        // A jump from a hook to another function that serves as a hook elsewhere is no call by the kernel.
        guard !activation.isTailCall else { return [] }
        let entry = activation.entry
        var life = lives[entry.head] ?? Life(generation: entry.generation)
        if life.generation != entry.generation { life = Life(generation: entry.generation) }
        let role = role(of: entry, life)
        var findings: [Finding] = []
        if entry.context.interruptsEnabled {
            findings.append(interruptsEnabled(entry, role))
        }
        for lock in entry.locks where lock.isForbidden && lock.holder == .same {
            findings.append(lockHeld(lock, entry, role))
        }
        let outer = running.dropLast().last { $0.entry.hook.place.address == entry.hook.place.address }
        if let outer { findings.append(reentered(entry, role, outer)) }
        let before = life.calls.last { $0.role == role && $0.page == entry.frame }
        if let before {
            findings.append(calledTwice(entry, role, before))
        } else if entry.isFree || life.isFreed {
            findings.append(afterFree(entry, role))
        } else if role == .onLastRef, let early = life.calls.first(where: { $0.role == .onUnmap }) {
            findings.append(wrongOrder(entry, early))
        }
        if life.calls.count < HookJudge.callLimit {
            life.calls.append(
                Call(
                    role: role, page: entry.frame, hook: entry.hook.place.address.rawValue, number: activation.number,
                    cpu: entry.context.cpu, time: entry.context.time))
        }
        keep(life, of: entry.head)
        return findings
    }

    /// A block went back to the allocator.
    ///
    /// - Parameters:
    ///   - block: What its slots said at that moment.
    ///   - isWithinUnseenRelease: Whether that was in a release that began before the trace did: its calls were not seen.
    mutating func freed(
        _ block: TracedBlock, isWithinUnseenRelease: Bool, _ context: TraceContext
    ) -> [Finding] {
        var running = releases[context.cpu] ?? []
        var block = block
        var isReleased = false
        if let index = running.lastIndex(where: { $0.block.head == block.head }) {
            // The vtables as they were when it began: a hook may have changed them.
            block = running[index].block
            running.removeSubrange(index...)
            releases[context.cpu] = running
            isReleased = true
        }
        var life = lives[block.head] ?? Life(generation: block.generation)
        if life.generation != block.generation { life = Life(generation: block.generation) }
        // One function that frees calls another.
        guard !life.isFreed || block.generation == nil else { return [] }
        var findings: [Finding] = []
        if isReleased || !isWithinUnseenRelease {
            findings = missing(
                block.expected, block, context, isReleased ? "it was freed" : "it was freed without a release")
        }
        life.isFreed = true
        if block.generation == nil { lives[block.head] = nil } else { keep(life, of: block.head) }
        return findings
    }

    /// A vCPU on which a hook runs came to a place where no hook must come.
    func reached(
        _ sink: HookPoint.Sink, in activation: HookActivations.Activation, _ context: TraceContext
    ) -> Finding {
        let entry = activation.entry
        let (rule, what): (RuleIdentifier, String) =
            switch sink.kind {
            case .allocation: (.hookAllocates, "entered an allocator")
            case .lock: (.hookLocks, "took a lock")
            case .panic: (.hookPanics, "panicked")
            case .interrupts: (.hookEnablesIRQs, "let interrupts in")
            case .blocking: (.hookBlocks, "waited")
            }
        let path = context.backtrace.frames.prefix { $0.step.functionAddress != entry.hook.place.address.rawValue }
        let steps = context.backtrace.frames.prefix(min(path.count + 1, context.backtrace.frames.count))
        return Finding(
            rule, subject: "\(entry.hook.name): \(sink.name)", frames: [FrameRange(entry.frame)],
            message: "\(entry.hook.name) \(what) while it ran for \(entry.frame.address): \(sink.name)",
            evidence: [
                Evidence("reached", sink.name, at: VirtualAddress(sink.address), from: "breakpoint while the hook ran")
            ] + evidence(context), place: entry.hook.place, path: steps.reversed().map(\.step),
            next: "inspectd hooks \(entry.hook.name) shows every way there", confidence: .still)
    }

    // MARK: The books

    private mutating func keep(_ life: Life, of head: FrameNumber) {
        if lives.count >= HookJudge.lifeLimit, lives[head] == nil {
            lives = lives.filter { !$0.value.isFreed }
            // All alive: a kernel whose frees are not seen.
            if lives.count >= HookJudge.lifeLimit { lives.removeAll(keepingCapacity: true) }
        }
        lives[head] = life
    }

    /// What a hook was called for; one that serves as both is taken for on_last_ref of a head first.
    private func role(of entry: HookEntry, _ life: Life) -> HookRole {
        if entry.roles.count == 1, let only = entry.roles.first { return only }
        let wasCalled = life.calls.contains { $0.role == .onLastRef }
        return entry.frame == entry.head && !wasCalled ? .onLastRef : .onUnmap
    }

    /// A finding for each hook that should have run by now.
    private func missing(
        _ expected: [TracedBlock.Expectation], _ block: TracedBlock, _ context: TraceContext, _ moment: String
    ) -> [Finding] {
        let life = lives[block.head]
        let calls = life?.generation == block.generation ? life?.calls ?? [] : []
        let done = Set(calls.map { TracedBlock.Expectation(page: $0.page, role: $0.role, hook: $0.hook) })
        var open: [TracedBlock.Expectation: [FrameNumber]] = [:]
        for expectation in expected where hooks[expectation.hook] != nil && !done.contains(expectation) {
            var key = expectation
            key.page = FrameNumber(0)
            open[key, default: []].append(expectation.page)
        }
        return open.sorted { ($0.key.role, $0.key.hook) < ($1.key.role, $1.key.hook) }.map { key, pages in
            notCalled(hook: key.hook, key.role, pages, block, context, moment)
        }
    }
}
