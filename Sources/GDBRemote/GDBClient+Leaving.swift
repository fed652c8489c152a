internal import Synchronization

extension GDBClient {
    /// How long each answer may take when leaving.
    private static let patience = Duration.seconds(5)

    /// Puts the stub back as it was and closes the connection; the target runs afterwards, or stays stopped.
    ///
    /// A running target is stopped for a moment, since a stub answers only then. QEMU resumes at every detach, so that a
    /// target that is to stay stopped is left by closing only. Runs to its end in a cancelled task too.
    /// - Throws: ``GDBError`` where the stub could not be put back; the connection is closed nevertheless.
    public func detach(leavingRunning: Bool) async throws(GDBError) {
        let isFirst = state.withLock { state in
            defer { state.hasLeft = true }
            return !state.hasLeft
        }
        guard isFirst else { return }
        let failure: GDBError? = await Task { [self] in
            let failure = await leave(leavingRunning)
            await link.close()
            return failure
        }.value
        if let failure { throw failure }
    }

    /// Puts the stub back; the first thing that went wrong, or nil.
    private func leave(_ leavingRunning: Bool) async -> GDBError? {
        if await isRunning {
            do throws(GDBError) { try await interrupt(timeout: GDBClient.patience) } catch { return error }
        }
        guard state.withLock({ $0.lastStop?.isAlive ?? true }) else { return nil }
        var failure: GDBError?
        for breakpoint in breakpoints.reversed() {
            let problem = await whatFails(ChangeBreakpoint(breakpoint: breakpoint, isSet: false))
            failure = failure ?? problem
            // Who does not answer would not answer the next one either.
            if failure?.code == .timeout || failure?.code == .disconnected { break }
        }
        if let mode = modeToRestore {
            let problem = await whatFails(SetPhysicalMode(isPhysical: mode))
            failure = failure ?? problem
        }
        if leavingRunning {
            let problem = await whatFails(DetachRequest(process: attachment.process))
            failure = failure ?? problem
        }
        return failure
    }

    /// Makes a request whose answer says nothing; why it failed, or nil.
    private func whatFails(_ request: some StubRequest) async -> GDBError? {
        do throws(GDBError) {
            _ = try await ask(request, timeout: GDBClient.patience)
            return nil
        } catch {
            return error
        }
    }

    /// The memory mode to go back to; nil where it is as it was.
    private var modeToRestore: Bool? {
        state.withLock { state in
            guard let before = state.wasPhysical, state.isPhysical != before else { return nil }
            return before
        }
    }

    /// What a helper process writes to the socket if we are killed: the packets that put the stub back.
    public func resumeBytes(leavingRunning: Bool) -> [UInt8] {
        // An end for a packet that may be half sent.
        var bytes: [UInt8] = Array("#00".utf8)
        for breakpoint in breakpoints.reversed() {
            bytes += Packet.encode(ChangeBreakpoint(breakpoint: breakpoint, isSet: false).payload)
        }
        if attachment.isQEMU {
            bytes += Packet.encode(SetPhysicalMode(isPhysical: state.withLock { $0.wasPhysical } ?? false).payload)

        }
        if leavingRunning { bytes += Packet.encode(DetachRequest(process: attachment.process).payload) }
        return bytes
    }
}
