internal import SocketTransport
internal import Synchronization

extension GDBClient {
    /// Lets the target run until something stops it; ``waitForStop(timeout:)`` says what.
    ///
    /// A stub takes no requests meanwhile: they fail with `.usage`.
    /// - Parameter thread: The only thread that runs; nil for all of them.
    /// - Throws: ``GDBError``.
    public func resume(_ thread: ThreadID? = nil) async throws(GDBError) { try await run(isStep: false, thread) }

    /// Runs one instruction of a thread (nil for the one that stopped last) while the others stand still;
    /// ``waitForStop(timeout:)`` says when that is done.
    ///
    /// - Throws: ``GDBError``.
    public func step(_ thread: ThreadID? = nil) async throws(GDBError) {
        try await run(isStep: true, thread ?? currentThread)
    }

    /// Lets some threads run while all others stand still; ``waitForStop(timeout:)`` says when they stop.
    ///
    /// - Throws: ``GDBError``; `.usage` for no threads, and for a stub that cannot do this (it has no `vCont`).
    public func resume(only threads: [ThreadID]) async throws(GDBError) {
        guard !threads.isEmpty, threads.count <= 256 else {
            throw GDBError(.usage, "\(threads.count) threads cannot be resumed; name 1 to 256")
        }
        guard try await resumeActions().contains("c") else {
            throw GDBError(.usage, "the stub lets all threads run or one: it has no vCont")
        }
        let packet = Packet.encode(ResumeSome(threads: threads).payload)
        let started = PendingReply()
        link.run { $0.run(packet, started) }
        _ = try await started.value().get()
    }

    private func run(isStep: Bool, _ thread: ThreadID?) async throws(GDBError) {
        let actions = try await resumeActions()
        let usesActions = actions.isSuperset(of: ["c", "s"])
        if !usesActions {
            try await ask(SelectThread(use: .resuming, thread: thread))
        }
        let request = ResumeRequest(isStep: isStep, thread: thread, usesActions: usesActions)
        let packet = Packet.encode(request.payload)
        let started = PendingReply()
        link.run { $0.run(packet, started) }
        _ = try await started.value().get()
    }

    func resumeActions() async throws(GDBError) -> Set<String> {
        if let actions = state.withLock({ $0.resumeActions }) { return actions }
        let actions = try await ask(QueryResumeActions())
        state.withLock { $0.resumeActions = actions }
        return actions
    }

    /// Waits until the target stops that ``resume(_:)`` or ``step(_:)`` let run.
    ///
    /// After a time-out or a cancellation the target runs on, and can be waited for again.
    /// - Throws: ``GDBError``; `.usage` where it does not run, `.refusedByStub` where it could not be resumed.
    @discardableResult
    public func waitForStop(timeout: Duration? = nil) async throws(GDBError) -> StopReply {
        let reply = PendingReply()
        link.run { $0.takeStop(reply) }
        let answer = try await link.wait(for: reply, timeout ?? link.timeout, what: "the target's stop, while it runs")
        let stop = try ResumeRequest(isStep: false, thread: nil, usesActions: true).decode(answer)
        state.withLock { $0.lastStop = stop }
        return stop
    }

    /// Stops a running target, and says where it stopped: because of this, or because of something that came first.
    ///
    /// - Throws: ``GDBError``; `.usage` where it does not run.
    @discardableResult
    public func interrupt(timeout: Duration? = nil) async throws(GDBError) -> StopReply {
        link.run { $0.interrupt() }
        return try await waitForStop(timeout: timeout)
    }

    /// Whether the target runs because it was resumed here.
    public var isRunning: Bool {
        get async { await link.onLoop { $0.isRunning } ?? false }
    }
}
