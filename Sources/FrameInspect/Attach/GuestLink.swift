internal import GDBRemote
internal import GuestMemory
internal import QMP
internal import SocketTransport
internal import Synchronization

/// The connections to one guest: what it can be asked, and stopping it without leaving a trace.
final class GuestLink: Sendable {
    /// What the guest was doing when it was found.
    enum RunState: Hashable, Sendable {
        /// It ran.
        case running
        /// It stood still, for the reason that QEMU gives.
        case stopped(String)
        /// Not known: a stub of a newer QEMU does not tell; taken for running.
        case assumedRunning
    }

    let qmp: QMPClient?
    let gdb: GDBClient?
    let runState: RunState
    /// QEMU's version, where known.
    let version: String?
    /// What a proxy in front of the stub says; nil for a stub itself.
    let proxy: StubProxy?
    let timeout: Duration
    /// Since when the stub has held the guest; nil without a stub.
    private let heldSince: ContinuousClock.Instant?
    /// Lets go of the guest if this process is killed while the stub holds it; nil without a stub.
    private let restorer: Mutex<Restorer?>
    /// Whether somebody else paused the guest meanwhile, so that it is not for us to let it run again.
    let wasPausedByOthers = Mutex(false)

    private init(
        qmp: QMPClient?, gdb: GDBClient?, runState: RunState, version: String?, timeout: Duration,
        proxy: StubProxy? = nil, heldSince: ContinuousClock.Instant? = nil, restorer: Restorer? = nil
    ) {
        self.qmp = qmp
        self.gdb = gdb
        self.runState = runState
        self.version = version
        self.timeout = timeout
        self.proxy = proxy
        self.heldSince = heldSince
        self.restorer = Mutex(restorer)
    }

    /// Whether the guest ran when it was found.
    var wasRunning: Bool { if case .stopped = runState { false } else { true } }

    /// Whether we hold the guest stopped all along, because the stub does.
    var isHeldByStub: Bool { gdb != nil }

    /// For how many seconds a guest that ran has been stopped for the stub; nil where it is not, or stood still before.
    var heldSeconds: Double? {
        guard let heldSince, wasRunning else { return nil }
        let (seconds, attoseconds) = heldSince.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    // MARK: Connecting

    /// Connects over QMP, over the stub, or both.
    ///
    /// With both, QMP says whether the guest runs and stops it before the stub is touched: no version of QEMU then has
    /// anything unsolicited to say over the stub.
    static func connect(_ target: TargetSpecification, usingStub: Bool) async throws(InspectorError) -> GuestLink {
        guard let address = target.qmp else { return try await connectStub(target) }
        let qmp = try await connectMonitor(address, target.timeout)
        let status: RunStatus
        do {
            status = try await settledStatus(qmp, target.timeout)
        } catch {
            await qmp.close()
            throw InspectorError(error)
        }
        let runState = status.running ? RunState.running : .stopped(status.status.rawValue)
        let link = GuestLink(
            qmp: qmp, gdb: nil, runState: runState, version: qmp.version.description, timeout: target.timeout)
        guard usingStub, let stub = target.gdb else { return link }
        do {
            return try await link.addingStub(stub)
        } catch {
            await link.leave()
            throw error
        }
    }

    /// Another inspection stops a guest for no longer than this, as a rule.
    private static let momentOfAnother = Duration.milliseconds(80)

    /// The guest's run state; one that is paused is asked for twice, since another inspection may have stopped it for a moment.
    private static func settledStatus(_ qmp: QMPClient, _ timeout: Duration) async throws(QMPError) -> RunStatus {
        let status = try await qmp.execute(QueryStatus(), timeout: timeout)
        guard status.status == .paused else { return status }
        // A caller that is cancelled meanwhile is told by the next question.
        try? await Task.sleep(for: momentOfAnother)
        return try await qmp.execute(QueryStatus(), timeout: timeout)
    }

    private func addingStub(_ address: GDBAddress) async throws(InspectorError) -> GuestLink {
        let start = ContinuousClock.now
        var guardian: Restorer?
        var gdb: GDBClient?
        do throws(InspectorError) {
            if case .running = runState {
                guardian = try Restorer([farewellOfMonitor].compactMap { $0 })
                try await stop()
            }
            let stub = try await GuestLink.uncancelled(address, timeout)
            gdb = stub
            if Task.isCancelled { throw InspectorError.cancelled }
            // The stub's modes first: whatever it is sent while the guest runs would stop the guest again.
            var farewells = [
                Restorer.Farewell(socket: stub.socketDescriptor, bytes: stub.resumeBytes(leavingRunning: false))
            ]
            if case .running = runState { farewells += [farewellOfMonitor].compactMap { $0 } }
            let restorer = try Restorer(farewells)
            guardian?.dismiss()
            return GuestLink(
                qmp: qmp, gdb: stub, runState: runState, version: version, timeout: timeout, heldSince: start,
                restorer: restorer)
        } catch {
            try? await gdb?.detach(leavingRunning: false)
            if case .running = runState { try? await resume(after: Result<Void, InspectorError>.failure(error)) }
            guardian?.dismiss()
            throw error
        }
    }

    /// Connects to the stub whether or not the caller is cancelled meanwhile.
    ///
    /// QEMU stops the guest at the connection: one that is given up half way would leave it stopped.
    static func uncancelled(
        _ address: GDBAddress, _ timeout: Duration
    ) async throws(InspectorError) -> GDBClient {
        if Task.isCancelled { throw .cancelled }
        var options = GDBClient.Options()
        options.timeout = timeout
        options.isShared = StubProxy.listens(at: address)
        let result: Result<GDBClient, GDBError> = await Task { [options] in
            do throws(GDBError) {
                return .success(try await GDBClient.connect(to: address, options: options))
            } catch {
                return .failure(error)
            }
        }.value
        do { return try result.get() } catch { throw InspectorError(error) }
    }

    private static func connectStub(_ target: TargetSpecification) async throws(InspectorError) -> GuestLink {
        guard let address = target.gdb else {
            throw InspectorError(.usage, "no guest was named: give --qmp, --gdb or --core")
        }
        let start = ContinuousClock.now
        let gdb = try await uncancelled(address, target.timeout)
        let proxy = await Task { await StubProxy.ask(gdb) }.value
        if let proxy, proxy.isWatched, proxy.isRunning {
            try? await gdb.detach(leavingRunning: false)
            throw InspectorError(
                .unreachable,
                "the guest runs, and a stub reads only while it stands still: stop it in the debugger that controls it (^C), "
                    + "or give --qmp")
        }
        let (state, version) = await Task { await stubState(gdb, isWatched: proxy?.isWatched ?? false) }.value
        var wasRunning = true
        if case .stopped = state { wasRunning = false }
        let restorer: Restorer
        do throws(InspectorError) {
            restorer = try Restorer([
                Restorer.Farewell(
                    socket: gdb.socketDescriptor, bytes: gdb.resumeBytes(leavingRunning: wasRunning))
            ])
        } catch {
            try? await gdb.detach(leavingRunning: wasRunning)
            throw error
        }
        let link = GuestLink(
            qmp: nil, gdb: gdb, runState: state, version: version, timeout: target.timeout, proxy: proxy,
            heldSince: start, restorer: restorer)
        if Task.isCancelled {
            await link.leave()
            throw .cancelled
        }
        return link
    }

    /// What the guest did before the stub stopped it; see decision 0002.
    ///
    /// - Parameter isWatched: Whether another debugger holds it, to whom its state belongs.
    static func stubState(_ gdb: GDBClient, isWatched: Bool = false) async -> (RunState, String?) {
        let version = try? await gdb.monitor("info version", timeout: .seconds(5))
        let text = version.map { String($0.prefix { !$0.isNewline }) }
        if isWatched { return (.stopped("debug"), text) }
        if gdb.attachment.stoppedTarget { return (.running, text) }
        let status = (try? await gdb.monitor("info status", timeout: .seconds(5))) ?? ""
        if let reason = status.split(separator: "(").dropFirst().first {
            let word = String(reason.prefix { $0 != ")" })
            if !word.isEmpty, word != "paused", word != "debug" { return (.stopped(word), text) }
        }
        // QEMU up to 8 says when it stops a running guest; later ones do not.
        let major = text.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
        return (major > 0 && major < 8 ? .stopped("paused") : .assumedRunning, text)
    }

    // MARK: Asking

    /// The monitor's answer to a line of its human language, with line feeds as line ends.
    func monitor(_ line: String, timeout: Duration? = nil) async throws(InspectorError) -> String {
        let limit = timeout ?? self.timeout
        if let qmp {
            do { return try await qmp.monitor(line, timeout: limit) } catch { throw InspectorError(error) }
        }
        if let gdb {
            do { return try await gdb.monitor(line, timeout: limit) } catch { throw InspectorError(error) }
        }
        throw InspectorError(.unreachable, "there is no connection to the guest")
    }

    /// The error to throw where QEMU has ended; nil where its monitor still answers, or there is none.
    func ended() async -> InspectorError? {
        guard let qmp else { return nil }
        do throws(QMPError) {
            _ = try await qmp.execute(QueryStatus(), timeout: min(timeout, .seconds(2)))
            return nil
        } catch {
            return error.code == .disconnected ? InspectorError(error) : nil
        }
    }

    // MARK: Stopping and continuing

    /// Runs `body` while the guest stands still, and puts it back whatever happens: errors, cancellation, death by signal.
    ///
    /// - Returns: The body's result, and for how many seconds the guest was stopped for it; nil where it stood still anyway.
    func whileStopped<Result: Sendable>(
        _ body: () async throws(InspectorError) -> Result
    ) async throws(InspectorError) -> (Result, Double?) {
        guard let farewell = farewellOfMonitor, gdb == nil, wasRunning, try await isRunningSettled() else {
            // Stopped by us all along, or by somebody else, who may also continue it: then it is no copy of one moment.
            let value = try await body()
            if qmp != nil, gdb == nil { try await checkStopped() }
            return (value, nil)
        }
        let restorer = try Restorer([farewell])
        defer { restorer.dismiss() }
        if Task.isCancelled { throw .cancelled }
        let clock = ContinuousClock()
        let start = clock.now
        let outcome: Swift.Result<Result, InspectorError>
        do throws(InspectorError) {
            try await stop()
            let value = try await body()
            try await checkStopped()
            outcome = .success(value)
        } catch {
            outcome = .failure(error)
        }
        try await resume(after: outcome)
        let (seconds, attoseconds) = (clock.now - start).components
        return (try outcome.get(), Double(seconds) + Double(attoseconds) * 1e-18)
    }

    /// Puts the guest back as it was found and closes the connections.
    func leave() async {
        // Not in the caller's task: a cancelled one could not wait for the answers.
        await Task { [self] in
            if let gdb {
                let resumesOverStub = qmp == nil && wasRunning
                try? await gdb.detach(leavingRunning: resumesOverStub)
                if let qmp, wasRunning, !wasPausedByOthers.withLock({ $0 }) {
                    _ = try? await qmp.execute(ContinueGuest(), timeout: .seconds(5))
                }
            }
            restorer.withLock { $0 }?.dismiss()
            await qmp?.close()
        }.value
    }

    /// What a helper process says to the monitor if we are killed: an end for whatever was half sent, then `cont`.
    ///
    /// QEMU forgets commands that wait when the socket closes: the answer is waited for.
    var farewellOfMonitor: Restorer.Farewell? {
        qmp.map {
            Restorer.Farewell(
                socket: $0.socketDescriptor,
                bytes: [0xFF] + Array("\n{\"execute\":\"cont\",\"id\":\"put-back\"}\n".utf8),
                answer: Array("\"put-back\"".utf8))
        }
    }

    /// Has another helper put the guest back if this process is killed from now on.
    func exchangeRestorer(for next: Restorer) {
        let previous = restorer.withLock { restorer in
            defer { restorer = next }
            return restorer
        }
        previous?.dismiss()
    }

    /// Stops the guest; a cancelled caller waits for the answer too, since the guest may be stopped already.
    func stop() async throws(InspectorError) {
        guard let qmp else { return }
        let limit = timeout
        let failure: QMPError? = await Task {
            do throws(QMPError) {
                _ = try await qmp.execute(StopGuest(), timeout: limit)
                return nil
            } catch {
                return error
            }
        }.value
        if let failure { throw InspectorError(failure) }
    }

    /// What happened to the guest since it was found; nil for nothing, and while the stub holds it.
    func change() async throws(InspectorError) -> Observer.Change? {
        guard let qmp, gdb == nil else { return nil }
        let isRunning = try await isRunning()
        if qmp.eventCount("RESET") > 0 { return .reset }
        return isRunning == wasRunning ? nil : .runState
    }

    /// Whether the guest runs, or does so but for the moment of another inspection.
    private func isRunningSettled() async throws(InspectorError) -> Bool {
        guard let qmp else { return false }
        do { return try await GuestLink.settledStatus(qmp, timeout).running } catch { throw InspectorError(error) }
    }

    func isRunning() async throws(InspectorError) -> Bool {
        guard let qmp else { return false }
        do {
            return try await qmp.execute(QueryStatus(), timeout: timeout).running
        } catch {
            throw InspectorError(error)
        }
    }

    /// Rejects what was read of a guest that was reset meanwhile: part of it is of another boot.
    ///
    /// Without QMP nobody tells.
    func checkNotReset() throws(InspectorError) {
        guard let qmp, qmp.eventCount("RESET") > 0 else { return }
        throw InspectorError(
            .readFailed,
            "the guest was reset while it was inspected, so that what was read is not of one boot; try again when its "
                + "kernel is up")
    }

    private func checkStopped() async throws(InspectorError) {
        let isRunning = try await isRunning()
        // A reset guest may run again or not; that it was reset says more.
        try checkNotReset()
        guard !isRunning else {
            throw InspectorError(
                .readFailed,
                "somebody resumed the guest while its frame table was read, so that the copy is not of one moment; "
                    + "try again, or use --consistency live")
        }
    }

    private func resume<Result>(after outcome: Swift.Result<Result, InspectorError>) async throws(InspectorError) {
        guard let qmp else { return }
        let limit = timeout
        let failure: QMPError? = await Task {
            do throws(QMPError) {
                _ = try await qmp.execute(ContinueGuest(), timeout: limit)
                return nil
            } catch {
                return error
            }
        }.value
        // The first thing that went wrong says more than that the guest could not be resumed after it.
        guard let failure, case .success = outcome else { return }
        throw InspectorError(
            .unreachable, "the guest was stopped for reading and could not be resumed: \(failure.message)",
            cause: failure)
    }
}
