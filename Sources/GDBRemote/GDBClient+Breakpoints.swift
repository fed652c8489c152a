internal import Synchronization

extension GDBClient {
    /// The most breakpoints that are kept at once.
    static let mostBreakpoints = 4096

    /// What was set here and not removed yet.
    public var breakpoints: [Breakpoint] { state.withLock { $0.breakpoints } }

    /// Sets a breakpoint or watchpoint; ``detach(leavingRunning:)`` removes it.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` where the stub cannot set it.
    public func setBreakpoint(_ breakpoint: Breakpoint) async throws(GDBError) {
        // Kept before it is set: a request that is cancelled or late may have its effect.
        let (isNew, hasRoom) = state.withLock { state in
            guard !state.breakpoints.contains(breakpoint) else { return (false, true) }
            guard state.breakpoints.count < GDBClient.mostBreakpoints else { return (true, false) }
            state.breakpoints.append(breakpoint)
            return (true, true)
        }
        guard isNew else { return }
        guard hasRoom else {
            throw GDBError(.usage, "there are \(GDBClient.mostBreakpoints) breakpoints already; remove some first")
        }
        do {
            try await ask(ChangeBreakpoint(breakpoint: breakpoint, isSet: true))
        } catch {
            if case .refusedByStub = error.code { forget(breakpoint) }
            throw error
        }
    }

    /// Removes a breakpoint or watchpoint that was set here; others are left alone.
    ///
    /// - Throws: ``GDBError``.
    public func removeBreakpoint(_ breakpoint: Breakpoint) async throws(GDBError) {
        guard breakpoints.contains(breakpoint) else { return }
        try await ask(ChangeBreakpoint(breakpoint: breakpoint, isSet: false))
        forget(breakpoint)
    }

    func forget(_ breakpoint: Breakpoint) {
        state.withLock { state in state.breakpoints.removeAll { $0 == breakpoint } }
    }
}
