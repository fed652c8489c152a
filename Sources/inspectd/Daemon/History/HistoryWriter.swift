import Dispatch
import FrameInspect
import GRDB
import Logging
import Synchronization

/// Brings the history's queue to the disk, thins it out and bounds its size; whatever the disk does, it tries again.
actor HistoryWriter {
    /// How often things are done.
    struct Pace: Sendable {
        /// Time between two transactions.
        var batch = Duration.seconds(1)
        /// Time between two rounds of thinning.
        var upkeep = Duration.seconds(30)
        /// Time until a failure is tried again, at first and at most.
        var retry = Duration.seconds(2)
        var longestRetry = Duration.seconds(30)
    }

    /// The most entries of one transaction.
    private static let batchSize = 1024

    private let configuration: DaemonConfiguration.History
    private let queue: HistoryQueue
    private let status: HistoryStatus
    private let logger: Logger
    private let pace: Pace
    private let isDone = Mutex(false)
    private var opened: HistoryDatabase.Opened?
    private var isClosing = false
    private var sleeper: Task<Void, Never>?
    private var problem: HistoryError?
    /// What stood at the path when it could not be opened.
    private var refused: HistoryDatabase.FileIdentity?
    private var lastUpkeep: ContinuousClock.Instant?
    private var lastWarning: ContinuousClock.Instant?

    init(
        _ configuration: DaemonConfiguration.History, queue: HistoryQueue, status: HistoryStatus, logger: Logger,
        pace: Pace = Pace()
    ) {
        self.configuration = configuration
        self.queue = queue
        self.status = status
        self.logger = logger
        self.pace = pace
    }

    /// Writes until it is closed.
    func run() async {
        var delay = pace.retry
        while true {
            // What is added up to the end is written in one more round.
            let isLast = isClosing
            do {
                try await open()
                try await write()
                if !isLast { try await keepUp() }
                recovered()
                delay = pace.retry
            } catch {
                failed(HistoryError(error, configuration.path))
            }
            warnOfLoss()
            if isLast { break }
            if !isClosing { await sleep(problem == nil ? pace.batch : delay) }
            if problem != nil { delay = min(delay * 2, pace.longestRetry) }
        }
        if let pool = opened?.pool { try? await Self.close(pool) }
        opened = nil
        isDone.withLock { $0 = true }
    }

    /// Writes what waits and ends; a disk that does not answer is not waited for.
    nonisolated func close() async {
        await beginClosing()
        for _ in 0..<100 where !isDone.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(10)) }
    }

    private func beginClosing() {
        isClosing = true
        sleeper?.cancel()
    }

    private func sleep(_ duration: Duration) async {
        let task = Task<Void, Never> { try? await Task.sleep(for: duration) }
        sleeper = task
        await task.value
        sleeper = nil
    }

    // MARK: Opening

    private func open() async throws {
        if let opened {
            guard !opened.identity.isSameFile(as: HistoryDatabase.FileIdentity(configuration.path)) else { return }
            // What is written to a file without a name is lost.
            self.opened = nil
            queue.forgetMirror()
            logger.warning("the history \(configuration.path) was moved away or removed; a new one is begun")
            try? await Self.close(opened.pool)
        }
        let path = configuration.path
        if let problem, let refused, [.damaged, .newer, .foreign].contains(problem.code),
            refused == HistoryDatabase.FileIdentity(path)
        {
            throw problem
        }
        let bytes = configuration.maximumBytes
        do {
            opened = try await Self.blocking { try HistoryDatabase.open(path, maximumBytes: bytes) }
        } catch {
            refused = HistoryDatabase.FileIdentity(path)
            throw error
        }
    }

    private func recovered() {
        guard let opened else { return }
        if problem != nil { logger.notice("the history \(configuration.path) is written again") }
        problem = nil
        status.enter(opened.pool)
    }

    private func failed(_ error: HistoryError) {
        // What goes on failing is told once.
        if error.description != problem?.description {
            logger.error("\(error.description); the watch goes on without history")
        }
        problem = error
        status.enter(error)
    }

    private func warnOfLoss() {
        let now = ContinuousClock().now
        if let lastWarning, now - lastWarning < .seconds(60), !isClosing { return }
        let (looks, changes) = queue.takeDropped()
        guard looks > 0 || changes > 0 else { return }
        lastWarning = now
        let text = "\(looks) looks and \(changes) changes of findings and pins"
        logger.warning("\(text) were not kept: the history \(configuration.path) is written too slowly or not at all")
    }

    /// Closes a database such that one file is left: the log of changes goes with the last connection, if that one may write.
    private static func close(_ pool: DatabasePool) async throws {
        try await blocking {
            pool.invalidateReadOnlyConnections()
            try pool.close()
        }
    }

    /// Runs `body`, which waits for the disk, outside the threads that everything else shares.
    private static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value
    {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global(qos: .utility).async { continuation.resume(with: Result(catching: body)) }
        }
    }

    // MARK: Writing

    private func write() async throws {
        guard let pool = opened?.pool else { return }
        while true {
            if queue.needsMirror {
                let mirror = try await pool.read { db in try HistoryMirror(db) }
                // It may take some rounds until nothing waits.
                _ = queue.load(mirror)
            }
            let entries = queue.take(Self.batchSize)
            guard !entries.isEmpty else { return }
            do {
                try await pool.write { db in try HistoryStore.write(entries, to: db) }
            } catch {
                queue.putBack(entries)
                throw error
            }
            queue.confirm()
            if try await isTooLarge(pool) { try await trim(pool) }
        }
    }

    // MARK: Thinning

    private func keepUp() async throws {
        guard let pool = opened?.pool else { return }
        let now = ContinuousClock().now
        if let lastUpkeep, now - lastUpkeep < pace.upkeep { return }
        lastUpkeep = now
        let (retention, total) = (configuration.retention, configuration.total)
        let time = HistoryTime.milliseconds(WallClock.now)
        // In steps, so that no reader waits long and the log of changes stays small.
        for _ in 0..<48 where !isClosing {
            let isDone = try await pool.write { db in
                try HistoryStore.thin(db, now: time, retention: retention, total: total)
            }
            if isDone { break }
        }
        try await vacuum(pool, always: false)
    }

    private func isTooLarge(_ pool: DatabasePool) async throws -> Bool {
        let limit = bytesForPages
        return try await pool.read { db in try HistoryStore.size(db).total > limit }
    }

    private var bytesForPages: Int {
        configuration.maximumBytes - HistoryDatabase.logBytes(maximumBytes: configuration.maximumBytes)
    }

    /// Thins and drops the oldest until the database fits.
    private func trim(_ pool: DatabasePool) async throws {
        let goal = bytesForPages / 10 * 9
        for _ in 0..<1000 where !isClosing {
            let isDone = try await pool.write { db in
                guard try HistoryStore.size(db).used > goal else { return true }
                return try !HistoryStore.shrink(db)
            }
            if isDone { break }
        }
        try await vacuum(pool, always: true)
    }

    /// Gives pages that are not used back to the file system.
    private func vacuum(_ pool: DatabasePool, always: Bool) async throws {
        try await pool.writeWithoutTransaction { db in
            let size = try HistoryStore.size(db)
            let free = size.total - size.used
            guard always ? free > 0 : free > max(size.total / 4, 1 << 20) else { return }
            try db.execute(sql: "PRAGMA incremental_vacuum")
            _ = try Row.fetchOne(db, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
    }
}
