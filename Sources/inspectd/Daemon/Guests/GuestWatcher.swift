import FrameInspect
import GuestMemory
import SocketTransport

/// Watches one guest: attaches, looks at its interval, and begins again whatever happens to the guest.
actor GuestWatcher {
    /// Work on the attached guest, done between two looks.
    private struct Job {
        var run: @Sendable (Inspector) async -> Void
        var refuse: @Sendable (any Error) -> Void
    }

    /// After this time the guest is attached anew, so that a kernel that was replaced without a reset is noticed.
    private static let longestSession = Duration.seconds(60)
    /// The most jobs that wait.
    private static let maximumJobs = 256

    let configuration: GuestConfiguration
    /// Whether it stands in the configuration file.
    let isConfigured: Bool
    private(set) var status: GuestStatus
    private(set) var sample: GuestSample?
    private(set) var pauses = DurationHistogram()
    private(set) var reads = DurationHistogram()
    private(set) var failures: UInt64 = 0
    private let broker: EventBroker
    private let recorder: any SampleRecorder
    private var findings: FindingWatch
    private var pins = PinWatch()
    private var record: SlotHistory
    private(set) var looks = 0
    private var jobs: [Job] = []
    private var isAttached = false
    /// What sleeps until the next look.
    private var sleeper: Task<Void, Never>?

    init(_ configuration: GuestConfiguration, isConfigured: Bool, broker: EventBroker, recorder: any SampleRecorder) {
        self.configuration = configuration
        self.isConfigured = isConfigured
        self.broker = broker
        self.recorder = recorder
        status = GuestStatus(since: WallClock.now)
        findings = FindingWatch(rules: configuration.rules)
        record = SlotHistory(limit: configuration.recordBytes)
    }

    /// Watches until it is cancelled.
    func run() async {
        var backoff = Backoff(from: .milliseconds(200), to: .seconds(10))
        while !Task.isCancelled {
            do {
                let target = try configuration.target.specification()
                try await Inspector.withInspector(attachedTo: target) { inspector in
                    backoff.reset()
                    isAttached = true
                    try await session(inspector)
                }
                isAttached = false
                // A stub holds its guest while it is attached: it gets the time in between.
                if configuration.target.qmp == nil { await sleep(configuration.interval) }
            } catch {
                isAttached = false
                if Task.isCancelled { break }
                failed(error)
                await sleep(min(backoff.next(), max(configuration.interval * 10, .seconds(1))))
            }
        }
        refuseJobs(CancellationError())
    }

    /// Looks again and again while the guest stays as it was found.
    private func session(_ inspector: Inspector) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        noteKernel(inspector)
        var observer = Observer(inspector)
        var next = start
        while !Task.isCancelled {
            switch try await observer.change() {
            case nil: break
            case .reset:
                restart()
                return
            case .runState: return
            }
            let begin = clock.now
            let observation: Observation
            do {
                observation = try await observer.observe()
            } catch {
                // A reset in the middle of a look is a reset, not a failure.
                guard case .reset? = try? await observer.change() else { throw error }
                restart()
                return
            }
            try await take(observation, inspector, seconds: (clock.now - begin).inSeconds)
            // Late looks are left out, not caught up with.
            next = max(next + configuration.interval, clock.now)
            guard configuration.target.qmp != nil, clock.now - start < Self.longestSession else {
                return await work(inspector, until: nil)
            }
            await work(inspector, until: next)
        }
    }

    private func noteKernel(_ inspector: Inspector) {
        if let known = status.buildID, let now = inspector.facts.buildID, known != now { restart() }
        status.buildID = inspector.facts.buildID ?? status.buildID
        status.qemuVersion = inspector.version ?? status.qemuVersion
        status.way = inspector.memory.kind.rawValue
        status.slots = inspector.placement.slotCount
        status.firstFrame = inspector.layout.frame(at: 0).rawValue
    }

    /// Takes a look into account.
    private func take(_ observation: Observation, _ inspector: Inspector, seconds: Double) async throws {
        looks += 1
        let provenance = observation.provenance
        reads.add(seconds)
        if let pause = provenance.pauseSeconds { pauses.add(pause) }
        let changes = findings.add(observation)
        let lives = pins.add(observation)
        record.add(observation, lives)
        let summary = observation.summary()
        let report = inspector.report(summary, provenance)
        let sample = GuestSample(
            number: looks, observation: observation, inspector: inspector, seconds: seconds, summary: report,
            states: summary.states.map { ($0.state.name, $0.frames) }, runs: observation.stateRuns(),
            pins: pins.current, pinAges: pins.ages,
            findings: findings.open, obstacles: findings.obstacles, recordBytes: record.lastLookBytes)
        self.sample = sample
        status.lastLook = GuestStatus.Look(
            number: looks, time: provenance.time, pauseSeconds: provenance.pauseSeconds, seconds: seconds)
        enter(observation.guestRan ? .watching : .paused, nil)
        broker.publish(guest: configuration.id, "sample", sample.event(guest: configuration.id).line)
        await tell(changes)
        await recorder.record(sample, lives, guest: configuration.id)
    }

    private func tell(_ changes: FindingWatch.Changes) async {
        for (change, list) in [("opened", changes.opened), ("closed", changes.closed)] {
            for finding in list {
                let data = JSONValue.object([
                    ("guest", .string(configuration.id)), ("change", .string(change)), ("finding", finding.json),
                ])
                broker.publish(guest: configuration.id, "finding", data.line)
            }
        }
        if !changes.opened.isEmpty || !changes.closed.isEmpty {
            await recorder.record(changes, guest: configuration.id)
        }
    }

    /// The guest is another one now: what was known of its frames is over.
    private func restart() {
        status.reboots += 1
        let gone = findings.restart(at: WallClock.now)
        let ended = pins.restart()
        record.restart()
        sample = nil
        status.lastLook = nil
        publishStatus()
        let (recorder, id) = (recorder, configuration.id)
        Task {
            await recorder.record(gone, guest: id)
            await recorder.record(ended, guest: id)
        }
        for finding in gone.closed {
            let data = JSONValue.object([
                ("guest", .string(configuration.id)), ("change", .string("closed")), ("finding", finding.json),
            ])
            broker.publish(guest: configuration.id, "finding", data.line)
        }
    }

    private func failed(_ error: any Error) {
        failures += 1
        let state: GuestStatus.State =
            if let error = error as? InspectorError {
                switch error.code {
                case .imageMismatch, .imageUnusable, .profileMismatch: .mismatch
                case .notInitialised: .notReady
                default: .unreachable
                }
            } else {
                .unreachable
            }
        enter(state, ErrorReport.sentence(of: error))
        refuseJobs(error)
    }

    private func enter(_ state: GuestStatus.State, _ problem: String?) {
        guard status.state != state || status.problem != problem else { return }
        if status.state != state {
            status.state = state
            status.since = WallClock.now
        }
        status.problem = problem
        publishStatus()
    }

    private func publishStatus() { broker.publish(guest: configuration.id, "state", json.line) }

    // MARK: Work on the attached guest

    /// Runs `body` on the guest between two looks.
    ///
    /// - Throws: What `body` throws; why the guest is not attached, where it is not.
    func attached<Value: Sendable>(
        _ body: @escaping @Sendable (Inspector) async throws -> Value
    ) async throws -> Value {
        guard !Task.isCancelled else { throw CancellationError() }
        if !isAttached, let problem = status.problem { throw CommandError(.unreachable, problem) }
        guard jobs.count < Self.maximumJobs else {
            throw CommandError(
                .unreachable, "too many requests wait for the guest \(configuration.id); try again later")
        }
        return try await withCheckedThrowingContinuation { continuation in
            jobs.append(
                Job(
                    run: { inspector in
                        do { continuation.resume(returning: try await body(inspector)) } catch {
                            continuation.resume(throwing: error)
                        }
                    }, refuse: { continuation.resume(throwing: $0) }))
            sleeper?.cancel()
        }
    }

    /// Does what waits, and sleeps until the next look; nil for no longer than the work takes.
    private func work(_ inspector: Inspector, until next: ContinuousClock.Instant?) async {
        repeat {
            while !jobs.isEmpty, !Task.isCancelled {
                let job = jobs.removeFirst()
                await job.run(inspector)
            }
            guard let next, !Task.isCancelled else { return }
            let rest = next - ContinuousClock().now
            guard rest > .zero else { return }
            await sleep(rest)
            if jobs.isEmpty, ContinuousClock().now >= next { return }
        } while true
    }

    /// Sleeps until the time is over or work comes.
    private func sleep(_ duration: Duration) async {
        let task = Task<Void, Never> { try? await Task.sleep(for: duration) }
        sleeper = task
        await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        sleeper = nil
    }

    private func refuseJobs(_ error: any Error) {
        let waiting = jobs
        jobs = []
        for job in waiting { job.refuse(error) }
    }

    // MARK: What is known

    /// What the record says of a frame; nil where it has nothing.
    func biography(of frame: FrameNumber) -> FrameBiography? { record.biography(of: frame) }

    /// The findings that are sure and last.
    var openFindings: [WatchedFinding] { findings.open }

    /// Bytes of the record.
    var recordSize: Int { record.byteCount }

    /// The guest as the API shows it.
    var json: JSONValue {
        let counts = Dictionary(grouping: findings.open, by: \.finding.severity).mapValues(\.count)
        let open = JSONValue.object(
            Severity.allCases.reversed().map { ($0.rawValue, .number(UInt64(counts[$0] ?? 0))) })
        let look = status.lastLook.map { look in
            JSONValue.object([
                ("number", .number(UInt64(look.number))), ("time", .string(Format.time(secondsSince1970: look.time))),
                ("pauseSeconds", look.pauseSeconds.map { .decimal($0) } ?? .null), ("seconds", .decimal(look.seconds)),
            ])
        }
        return .object([
            ("id", .string(configuration.id)), ("state", .string(status.state.rawValue)),
            ("stateText", .string(status.text(interval: configuration.interval))),
            ("since", .string(Format.time(secondsSince1970: status.since))), ("configured", .bool(isConfigured)),
            ("qmp", .string(configuration.target.qmp?.description)),
            ("gdb", .string(configuration.target.gdb?.description)),
            ("kernel", .string(configuration.target.kernel)), ("profile", .string(configuration.target.profile)),
            ("intervalSeconds", .decimal(configuration.interval.inSeconds)),
            ("buildID", .string(status.buildID)), ("qemuVersion", .string(status.qemuVersion)),
            ("way", .string(status.way)), ("slots", .number(status.slots)), ("firstFrame", .number(status.firstFrame)),
            ("reboots", .number(UInt64(status.reboots))), ("samples", .number(UInt64(looks))),
            ("lastSample", look ?? .null), ("openFindings", open),
            ("failing", .bool(findings.open.contains { $0.finding.severity >= configuration.failOn })),
            ("problem", .string(status.problem)),
        ])
    }
}
