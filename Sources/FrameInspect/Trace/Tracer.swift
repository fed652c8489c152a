internal import GDBRemote
internal import GuestMemory
internal import QMP
internal import Synchronization

/// A trace that is under way: lets the guest run from breakpoint to breakpoint and notes what it sees there.
///
/// The guest stands still at every breakpoint, all vCPUs of it. One whose vCPU was not reported, because another came to a
/// breakpoint at the same time, stands before its own and meets it again when the guest goes on: nothing is lost, since
/// breakpoints stay where they are while one vCPU alone is stepped over one.
final class Tracer {
    /// How long at most to wait without looking at the clock and at the guest.
    static let tick = Duration.milliseconds(200)
    /// Bytes of stack that are copied at a stop, where memory is read directly and over the stub.
    static let stackBytes = (direct: 8192, stub: 2048)
    /// The most places that hooks return to.
    private static let returnLimit = 1024

    let inspector: Inspector
    let link: GuestLink
    let stub: GDBClient
    let options: TraceOptions
    let tell: @Sendable (TraceEvent) -> Bool
    let memory: TraceMemory
    var plan: TracePlan
    let registers: TraceRegisters
    let walker: StackWalker?
    let threads: [ThreadID]
    let instructions: InstructionCount?

    var points: [UInt64: TracePoint] = [:]
    var hooks: [UInt64: HookPoint] = [:]
    var vtables: [UInt64: [HookRole: UInt64]] = [:]
    var placed = BreakpointSet()
    var activations = HookActivations()
    var judge = HookJudge()
    var ledger = FindingLedger()
    var pins = PinLedger()
    var prover: HookProving

    private var removing: [Breakpoint] = []
    private var setting: [Breakpoint] = []
    /// What is left to do once the guest runs again.
    var deferred: [() -> Void] = []

    let clock = ContinuousClock()
    let start: ContinuousClock.Instant
    private var resumedAt: ContinuousClock.Instant
    /// For how many seconds the guest has run.
    private(set) var guestSeconds = 0.0
    private let resets: Int
    /// Whether a step leaves a breakpoint behind that stays set; not known before the first.
    private var stepsOver: Bool?

    // What is counted.
    private(set) var stops = 0
    var releases = 0
    var frees = 0
    var callsByHook: [UInt64: Int] = [:]
    var laterHooks: [CodePlace] = []
    var notes: [String] = []
    /// Whether the one who is told wants no more.
    private var isEnough = false
    /// The vCPU that was stepped over a breakpoint last, to be seen whether it has moved.
    private var stepped: (thread: ThreadID, rip: UInt64)?
    /// vCPUs whose step did not happen, and where they stand: they will be stopped there again, and have been seen.
    ///
    /// QEMU asks itself to stop for every vCPU at a breakpoint. Where two come to one at the same time, the second request may
    /// end the step before it has begun.
    private var unmoved: [ThreadID: UInt64] = [:]
    /// Whether the vCPUs other than one run, to see which of them holds a lock.
    var isLookingForHolder = false

    init(
        _ inspector: Inspector, link: GuestLink, stub: GDBClient, _ options: TraceOptions, plan: TracePlan,
        prover: HookProving, memory: TraceMemory, tell: @escaping @Sendable (TraceEvent) -> Bool
    ) async throws(InspectorError) {
        self.inspector = inspector
        self.link = link
        self.stub = stub
        self.options = options
        self.plan = plan
        self.prover = prover
        self.memory = memory
        self.tell = tell
        do {
            registers = try TraceRegisters(try await stub.targetDescription())
            threads = try await stub.threads().sorted { $0.number < $1.number }
        } catch let error as GDBError {
            throw InspectorError(error)
        } catch let error as InspectorError {
            throw error
        } catch {
            throw InspectorError(.unreachable, "\(error)", cause: error)
        }
        walker = inspector.names.stackSource(slide: inspector.target.slide, sections: inspector.facts.sections).map {
            StackWalker(source: $0)
        }
        instructions = await InstructionCount(link)
        start = clock.now
        resumedAt = start
        resets = link.resetCount
    }

    /// Seconds since the trace began.
    var elapsed: Double { (clock.now - start).seconds }

    // MARK: Breakpoints

    /// Makes sure that breakpoints stand where they are needed, from the next resumption on.
    func update(_ address: UInt64, _ change: (inout TracePoint) -> Void) {
        var point = points[address] ?? TracePoint()
        change(&point)
        points[address] = point.isNeeded ? point : nil
        if point.isNeeded {
            guard let breakpoint = placed.add(address) else { return }
            // Removed and set again at one stop: it never went.
            if let index = removing.firstIndex(where: { $0.address == address }), removing[index] == breakpoint {
                removing.remove(at: index)
            } else {
                setting.append(breakpoint)
            }
        } else if let breakpoint = placed.remove(address) {
            if let index = setting.firstIndex(of: breakpoint) {
                setting.remove(at: index)
            } else {
                removing.append(breakpoint)
            }
        }
    }

    /// Breakpoints at a place that hooks return to; it stays, since they will return there again.
    func addReturn(_ address: UInt64) {
        guard points[address]?.isReturn != true else { return }
        guard points.values.count(where: \.isReturn) < Tracer.returnLimit else { return }
        update(address) { $0.isReturn = true }
    }

    /// Sets what is to be set while the guest stands still, one after the other, since some may be refused.
    func place() async throws(InspectorError) {
        let wanted = setting
        setting = []
        for breakpoint in wanted { try await place(breakpoint) }
    }

    private func place(_ breakpoint: Breakpoint) async throws(InspectorError) {
        var next: Breakpoint? = breakpoint
        while let current = next {
            do {
                try await stub.setBreakpoint(current)
                return
            } catch {
                guard case .refusedByStub = error.code else { throw InspectorError(error) }
                next = placed.refused(current)
                guard next == nil else { continue }
                points[current.address] = nil
                note("the stub sets no breakpoint at \(hexadecimal(current.address)): what happens there is not seen")
            }
        }
    }

    // MARK: Running

    /// Lets the guest run until the trace ends; breakpoints are set, and the guest stands still.
    ///
    /// Whoever calls this removes the breakpoints afterwards.
    func run() async throws(InspectorError) -> TraceReport.Ending {
        while true {
            if let ending = endingByNow { return ending }
            let changes: BreakpointChanges
            do {
                changes = try await stub.resume(
                    removing: removing, setting: setting,
                    reading: stepped.map { (registers.programCounter, $0.thread) })
            } catch {
                return try ending(of: error)
            }
            removing = []
            setting = []
            resumedAt = clock.now
            for work in deferred { work() }
            deferred = []
            switch try await nextStop() {
            case .ended(let ending): return ending
            case .stopped(let stop):
                guestSeconds += (clock.now - resumedAt).seconds
                do {
                    for breakpoint in try await changes.refused() {
                        if let other = placed.refused(breakpoint) { try await place(other) }
                    }
                    if let last = stepped, try await changes.registerValue() == last.rip {
                        unmoved[last.thread] = last.rip
                    }
                    stepped = nil
                    if let ending = try await handle(stop) { return ending }
                } catch let error as InspectorError {
                    if Task.isCancelled { return .interrupted }
                    if error.code == .unreachable, await link.ended() != nil { return .guestGone }
                    throw error
                } catch let error as GDBError {
                    return try ending(of: error)
                } catch {
                    throw InspectorError(.unreachable, "\(error)", cause: error)
                }
            }
        }
    }

    private enum Next {
        case stopped(StopReply)
        case ended(TraceReport.Ending)
    }

    private func nextStop() async throws(InspectorError) -> Next {
        while true {
            do {
                return .stopped(try await stub.waitForStop(timeout: nextTick))
            } catch {
                guard error.code == .timeout else { return .ended(try ending(of: error)) }
                if let ending = endingByNow { return .ended(ending) }
            }
        }
    }

    private var nextTick: Duration {
        guard let duration = options.duration else { return Tracer.tick }
        return max(.milliseconds(1), min(Tracer.tick, duration - (clock.now - start)))
    }

    private var endingByNow: TraceReport.Ending? {
        if Task.isCancelled { return .interrupted }
        if let duration = options.duration, clock.now - start >= duration { return .time }
        if link.resetCount > resets { return .reset }
        if isEnough { return .limit }
        if let limit = options.limit, (options.subject == .hooks ? activations.count : pins.count) >= limit {
            // The last call is to return first.
            return activations.all.isEmpty ? .limit : nil
        }
        return nil
    }

    /// The ending that a failure of the stub is; those that are none are thrown.
    private func ending(of error: GDBError) throws(InspectorError) -> TraceReport.Ending {
        switch error.code {
        case .cancelled: return .interrupted
        case .disconnected: return .guestGone
        default:
            if Task.isCancelled { return .interrupted }
            throw InspectorError(error)
        }
    }

    /// Notes what a stop shows.
    ///
    /// - Returns: Why the trace ends with it; nil where it goes on.
    private func handle(_ stop: StopReply) async throws -> TraceReport.Ending? {
        guard stop.isAlive else { return .guestGone }
        guard case .stopped(let signal) = stop.event, signal == 5, let thread = stop.thread ?? threads.first else {
            return try await waitForOthers()
        }
        let after = try await visit(thread)
        guard after.isAlive else { return .guestGone }
        if case .stopped(let signal) = after.event, signal != 5 { return try await waitForOthers() }
        return nil
    }

    /// Steps a vCPU that stopped over the breakpoint where it stands, and notes what is seen there.
    ///
    /// - Returns: The stop after the step.
    func visit(_ thread: ThreadID) async throws -> StopReply {
        let (answer, after) = try await step(thread)
        let values = registers.values(answer)
        if threads.count > 1 { stepped = (thread, values.rip) }
        let seenAt = unmoved.removeValue(forKey: thread)
        // Where no breakpoint of ours is, two requests to stop came for one.
        guard points[values.rip] != nil, seenAt != values.rip else { return after }
        stops += 1
        try await visit(values, thread)
        return after
    }

    /// Lets only these vCPUs run for a moment, and notes what is seen of them meanwhile.
    ///
    /// - Returns: Whether nothing stopped them.
    func runOnly(_ others: [ThreadID], for time: Duration) async throws -> Bool {
        for breakpoint in removing { try await stub.removeBreakpoint(breakpoint) }
        removing = []
        try await place()
        try await stub.resume(only: others)
        try await Task.sleep(for: time)
        let stop = try await stub.interrupt()
        guard stop.isAlive, case .stopped(let signal) = stop.event, signal == 5, let thread = stop.thread else {
            return true
        }
        guard others.contains(thread) else { return false }
        let outer = stepped
        defer { stepped = outer }
        _ = try await visit(thread)
        if let last = stepped, registers.values(try await stub.registers(of: thread)).rip == last.rip {
            unmoved[thread] = last.rip
        }
        return false
    }

    /// Reads the registers and steps over the breakpoint.
    private func step(_ thread: ThreadID) async throws -> (RegisterValues, StopReply) {
        if stepsOver == false {
            // Lifted for this one step: only this vCPU runs meanwhile.
            let answer = try await stub.registers(of: thread)
            let breakpoint = placed.placed[registers.values(answer).rip]
            if let breakpoint { try await stub.removeBreakpoint(breakpoint) }
            try await stub.step(thread)
            let after = try await stub.waitForStop()
            if let breakpoint { try await stub.setBreakpoint(breakpoint) }
            return (answer, after)
        }
        var (answer, after) = try await stub.stepReadingRegisters(of: thread)
        guard stepsOver == nil else { return (answer, after) }
        // QEMU's own emulation ignores breakpoints at a step; a processor's are met again, however often one tries.
        for _ in 0..<4 {
            let before = registers.values(answer).rip
            guard placed.placed[before] != nil else { return (answer, after) }
            if registers.values(try await stub.registers(of: thread)).rip != before {
                stepsOver = true
                return (answer, after)
            }
            (answer, after) = try await stub.stepReadingRegisters(of: thread)
        }
        stepsOver = false
        return try await step(thread)
    }

    /// Somebody else paused the guest: it is theirs to let it run again.
    private func waitForOthers() async throws(InspectorError) -> TraceReport.Ending? {
        for work in deferred { work() }
        deferred = []
        link.wasPausedByOthers.withLock { $0 = true }
        guard link.qmp != nil else {
            note("somebody paused the guest; without --qmp it cannot be known when it runs again")
            return .paused
        }
        note("somebody paused the guest: the trace waits until it runs again")
        while true {
            if let ending = endingByNow { return ending }
            guard let status = await link.statusNow() else { return Task.isCancelled ? .interrupted : .guestGone }
            if status.running {
                // Without the stub's knowledge: stopped once more, it meets its breakpoints when the stub lets it run.
                try await link.stop()
                break
            }
            // It ran on, and stands at a breakpoint by now, which it meets again when the stub lets it run.
            if status.status == .debug { break }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return .interrupted }
        }
        link.wasPausedByOthers.withLock { $0 = false }
        // What the stub has to say of all that comes before the answer to this, and is no stop of ours.
        do { _ = try await stub.threads() } catch { return try ending(of: error) }
        return nil
    }

    // MARK: Telling

    /// Hands an event on.
    func emit(_ event: TraceEvent) { if !tell(event) { isEnough = true } }

    /// Tells something and keeps it for the report.
    func note(_ text: String) {
        guard notes.count < 100, !notes.contains(text) else { return }
        notes.append(text)
        emit(.note(text))
    }

    /// Tells findings that are new.
    func report(_ findings: [Finding]) {
        for finding in findings where concerns(finding) {
            if ledger.add(finding) { emit(.finding(finding)) }
        }
    }

    private func concerns(_ finding: Finding) -> Bool {
        guard let frame = options.frame else { return true }
        return finding.frames.contains {
            frame.rawValue >= $0.first.rawValue && frame.rawValue &- $0.first.rawValue < $0.count
        }
    }
}
