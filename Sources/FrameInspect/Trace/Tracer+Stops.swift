internal import CallGraph
internal import GDBRemote
internal import GuestMemory

/// What is done at each kind of breakpoint.
extension Tracer {
    /// A vCPU stands at a place where a breakpoint of ours is; it has been stepped behind it.
    func visit(_ values: TraceRegisters.Values, _ thread: ThreadID) async throws(InspectorError) {
        guard let point = points[values.rip] else { return }
        let cpu = threads.firstIndex(of: thread) ?? Int(clamping: thread.number &- 1)
        if point.isReturn { await leave(values, cpu) }
        let running = activations.running(on: cpu)
        let isSink = point.forbidding > 0 && !running.isEmpty
        guard point.hook != nil || point.function != nil || isSink else { return }
        let stack = try await stack(values, for: point)
        let context = context(values, cpu, stack, isWanted: options.takesBacktraces || point.function != nil || isSink)
        if isSink { reach(values.rip, running, context) }
        if let function = point.function { try await enter(function, values, context) }
        if let hook = point.hook { try await enter(hook, values, thread, stack, context) }
    }

    // MARK: What a stop shows

    private func stack(
        _ values: TraceRegisters.Values, for point: TracePoint
    ) async throws(InspectorError) -> StackSnapshot {
        let isWanted = options.takesBacktraces || point.function != nil || point.forbidding > 0
        let most = memory.isSlow ? Tracer.stackBytes.stub : Tracer.stackBytes.direct
        let piece = TraceMemory.Piece(address: values.rsp, count: isWanted ? most : 8)
        let bytes = try await memory.read([piece], cutting: true)[0] ?? []
        return StackSnapshot(registers: values.registers, base: values.rsp, bytes: bytes)
    }

    private func context(
        _ values: TraceRegisters.Values, _ cpu: Int, _ stack: StackSnapshot, isWanted: Bool
    ) -> TraceContext {
        TraceContext(
            cpu: cpu, time: elapsed, registers: values.told,
            backtrace: isWanted ? walker?.backtrace(stack) ?? .none : .none)
    }

    /// The slots of frames; nil where they are not all in the table and in RAM.
    private func slots(_ first: FrameNumber, count: UInt64) async throws(InspectorError) -> [MetaSlot]? {
        let layout = inspector.layout
        guard let index = layout.index(of: first), count > 0, count <= 1 << 20,
            index < inspector.placement.slotCount, count <= inspector.placement.slotCount &- index
        else { return nil }
        let pieces = inspector.placement.runs(ofSlots: index..<(index &+ count)).map {
            TraceMemory.Piece(address: $0.address.rawValue, count: Int($0.count), isPhysical: true)
        }
        var bytes: [UInt8] = []
        for piece in try await memory.read(pieces) {
            guard let piece else { return nil }
            bytes += piece
        }
        let stride = layout.stride
        guard bytes.count >= stride * Int(count) else { return nil }
        return bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return nil }
            return (0..<Int(count)).map { layout.decode(base + $0 * stride) }
        }
    }

    /// The first page of the block that a page belongs to, by the order on its slot.
    private func head(of page: FrameNumber, _ slot: MetaSlot?) -> FrameNumber {
        guard let slot, UInt64(slot.order) <= inspector.layout.maxOrder, slot.order < 40 else { return page }
        return FrameNumber(page.rawValue & ~((1 << UInt64(slot.order)) &- 1))
    }

    /// Whether an event about this page or its block is wanted.
    private func concerns(_ page: FrameNumber, _ head: FrameNumber) -> Bool {
        options.frame == nil || options.frame == page || options.frame == head
    }

    // MARK: Hooks

    private func enter(
        _ hook: HookPoint, _ values: TraceRegisters.Values, _ thread: ThreadID, _ stack: StackSnapshot,
        _ context: TraceContext
    ) async throws(InspectorError) {
        let page = FrameNumber(containing: PhysicalAddress(values.rdi))
        let slot = try await slots(page, count: 1)?.first
        let head = head(of: page, slot)
        let headSlot = head == page ? slot : try await slots(head, count: 1)?.first
        // What the vtables say that it is for: this page's, where it has one that names it.
        var roles = hook.roles
        if let slot, let named = vtables[slot.vtable] {
            let own = Set(named.filter { $0.value == hook.place.address.rawValue }.keys)
            if !own.isEmpty { roles = own }
        }
        let locks = try await heldLocks(roles, thread)
        let entry = HookEntry(
            hook: hook, roles: roles, frame: page, head: head, generation: headSlot?.generation,
            isFree: slot.map { $0.flags & inspector.layout.freeMask != 0 && inspector.layout.freeMask != 0 } ?? false,
            locks: locks, stackPointer: values.rsp, returnAddress: stack.word(at: values.rsp), context: context)
        let count = await instructions?.now()
        let (activation, abandoned) = activations.enter(entry, guestSeconds: guestSeconds, instructions: count)
        callsByHook[hook.place.address.rawValue, default: 0] += 1
        if let address = entry.returnAddress { addReturn(address) }
        for sink in hook.sinks { update(sink.address) { $0.forbidding += 1 } }
        let running = activations.running(on: context.cpu)
        finish(abandoned, .abandoned, instructions: nil)
        deferred.append { [self] in report(judge.entered(activation, running: running)) }
    }

    private func leave(_ values: TraceRegisters.Values, _ cpu: Int) async {
        let left = activations.leave(cpu: cpu, address: values.rip, stackPointer: values.rsp)
        guard !left.isEmpty else { return }
        let count = await instructions?.now()
        let returned = left.filter { activations.isReturn($0, values.rip, values.rsp) }
        let lost = left.filter { !activations.isReturn($0, values.rip, values.rsp) }
        finish(lost, .abandoned, instructions: nil)
        finish(returned, .returned, instructions: count)
    }

    /// Tells calls that are over, and takes the breakpoints away that stood for them alone.
    func finish(_ calls: [HookActivations.Activation], _ ending: HookCall.Ending, instructions: UInt64?) {
        let seconds = ending == .returned ? guestSeconds : nil
        for activation in calls {
            for sink in activation.entry.hook.sinks {
                update(sink.address) { $0.forbidding = max(0, $0.forbidding - 1) }
            }
            guard concerns(activation.entry.frame, activation.entry.head) else { continue }
            let call = activation.call(ending, guestSeconds: seconds, instructions: instructions)
            deferred.append { [self] in emit(.call(call)) }
        }
    }

    private func reach(_ address: UInt64, _ running: [HookActivations.Activation], _ context: TraceContext) {
        for activation in running.reversed() {
            guard let sink = activation.entry.hook.sinks.first(where: { $0.address == address }) else { continue }
            deferred.append { [self] in report([judge.reached(sink, in: activation, context)]) }
            return
        }
    }

    // MARK: Locks

    private func heldLocks(_ roles: Set<HookRole>, _ thread: ThreadID) async throws(InspectorError) -> [HeldLock] {
        guard !plan.locks.isEmpty else { return [] }
        let words = try await lockWords()
        var held: [HeldLock] = []
        for (lock, word) in zip(plan.locks, words) {
            guard let word, word != lock.free else { continue }
            let isForbidden = !roles.isEmpty && roles.isSubset(of: lock.freeAt)
            let holder: HeldLock.Holder =
                threads.count <= 1 ? .same : isForbidden ? try await holder(of: lock, thread) : .unknown
            held.append(
                HeldLock(
                    name: lock.name, address: VirtualAddress(lock.address), value: word, holder: holder,
                    isForbidden: isForbidden))
        }
        return held
    }

    private func lockWords() async throws(InspectorError) -> [UInt64?] {
        let pieces = plan.locks.map { TraceMemory.Piece(address: $0.address, count: $0.width) }
        return try await memory.read(pieces).map { bytes in
            bytes.map { $0.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        }
    }

    /// How often the others must have run undisturbed before a lock is taken for one that is none of theirs.
    private static let undisturbedRuns = 6
    /// How often they may run in all.
    private static let mostRuns = 64

    /// Who holds a lock: only the other vCPUs run for moments, and one of them lets go of it where it was theirs.
    private func holder(of lock: KnownLock, _ thread: ThreadID) async throws(InspectorError) -> HeldLock.Holder {
        // What is seen of the others meanwhile is not itself looked into so closely.
        guard !isLookingForHolder, let index = plan.locks.firstIndex(of: lock) else { return .unknown }
        isLookingForHolder = true
        defer { isLookingForHolder = false }
        let others = threads.filter { $0 != thread }
        var undisturbed = 0
        for run in 0..<Tracer.mostRuns {
            do {
                if try await runOnly(others, for: .microseconds(min(200 << min(run, 5), 5000))) { undisturbed += 1 }
            } catch let error as InspectorError {
                throw error
            } catch let error as GDBError {
                throw InspectorError(error)
            } catch {
                throw InspectorError.cancelled
            }
            guard let word = try await lockWords()[index] else { return .unknown }
            if word == lock.free { return .other }
            if undisturbed >= Tracer.undisturbedRuns { return .same }
        }
        return .unknown
    }

    // MARK: Releases and pins

    private func enter(
        _ function: TracePoint.Function, _ values: TraceRegisters.Values, _ context: TraceContext
    ) async throws(InspectorError) {
        guard let address = values.registers[function.register] else { return }
        let frame = FrameNumber(containing: PhysicalAddress(address))
        switch function.part {
        case .pin, .unpin:
            guard concerns(frame, frame) else { return }
            deferred.append { [self] in
                emit(.pin(function.part == .pin ? pins.pin(frame, context) : pins.unpin(frame, context)))
            }
        case .release:
            releases += 1
            guard let block = try await block(at: frame) else { return }
            deferred.append { [self] in report(judge.released(block, context)) }
        case .free:
            frees += 1
            guard let block = try await block(at: frame) else { return }
            let names = plan.functions.filter { $0.part == .release }.map(\.place.address.rawValue)
            let isWithin = context.backtrace.frames.contains { names.contains($0.step.functionAddress) }
            deferred.append { [self] in
                report(judge.freed(block, isWithinUnseenRelease: isWithin, context))
            }
        }
    }

    /// The block that begins at a frame, with the hooks that its vtables demand; new ones are watched from now on.
    private func block(at frame: FrameNumber) async throws(InspectorError) -> TracedBlock? {
        guard let head = try await slots(frame, count: 1)?.first else { return nil }
        let order = min(UInt64(head.order), inspector.layout.maxOrder, 20)
        var pages = [head]
        if order > 0, let all = try await slots(frame, count: 1 << order) { pages = all }
        var expected: [TracedBlock.Expectation] = []
        for (index, page) in pages.enumerated() where page.vtable != inspector.layout.vtableDefault {
            if vtables[page.vtable] == nil { try await learn(page.vtable, isLater: true) }
            let number = FrameNumber(frame.rawValue &+ UInt64(index))
            for (role, hook) in vtables[page.vtable] ?? [:] where role == .onUnmap || index == 0 {
                expected.append(TracedBlock.Expectation(page: number, role: role, hook: hook))
            }
        }
        return TracedBlock(head: frame, order: Int(order), generation: head.generation, expected: expected)
    }
}
