import GuestTesting
import Logging
import Synchronization

@testable import inspectd

/// A history with its writer, as the daemon has one, that takes looks made by hand.
final class RunningHistory: Sendable {
    let queue = HistoryQueue()
    let status = HistoryStatus()
    let log: LogLines
    private let writer: HistoryWriter
    private let task: Task<Void, Never>
    private let lost = Mutex<(looks: UInt64, changes: UInt64)>((0, 0))

    /// Begins it; it is not open yet.
    init(_ configuration: DaemonConfiguration.History) async throws {
        let log = LogLines()
        self.log = log
        var pace = HistoryWriter.Pace()
        pace.batch = .milliseconds(10)
        pace.upkeep = .milliseconds(200)
        pace.retry = .milliseconds(50)
        pace.longestRetry = .milliseconds(100)
        writer = HistoryWriter(
            configuration, queue: queue, status: status, logger: Logger(label: "test") { _ in log }, pace: pace)
        task = Task { [writer] in await writer.run() }
    }

    /// What was lost.
    var dropped: (looks: UInt64, changes: UInt64) {
        let new = queue.takeDropped()
        return lost.withLock { lost in
            lost.looks += new.looks
            lost.changes += new.changes
            return lost
        }
    }

    /// Waits until nothing waits to be written and the database was read.
    func waitUntilWritten() async throws {
        try await wait("everything is written") { self.queue.count == 0 && !self.queue.needsMirror }
    }

    /// Waits until the history says why it is none.
    func waitForProblem(_ code: HistoryError.Code) async throws -> String {
        try await wait("the problem shows") { self.problem?.code == code }
        return problem?.description ?? ""
    }

    /// Waits until the history can be read.
    func waitUntilReady() async throws { try await wait("the history is ready") { self.problem == nil } }

    /// Waits until the log says something.
    func waitForLog(_ text: String) async throws {
        try await wait("the log says '\(text)'") { self.log.count(of: text) > 0 }
    }

    private var problem: HistoryError? {
        do {
            _ = try status.database()
            return nil
        } catch { return error }
    }

    private func wait(_ what: String, _ condition: () -> Bool) async throws {
        for _ in 0..<6000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw TestProcessError("it takes longer than a minute until \(what); log: \(log.text)")
    }

    /// Ends it and waits until its file is closed.
    func close() async throws {
        await writer.close()
        await task.value
    }
}

/// A log that tests read.
final class LogLines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])

    /// All lines.
    var text: String { lines.withLock { $0.joined(separator: "\n") } }

    /// How many lines contain a text.
    func count(of text: String) -> Int { lines.withLock { $0.count { $0.contains(text) } } }

    var logLevel: Logger.Level {
        get { .debug }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    func log(event: LogEvent) { lines.withLock { $0.append("\(event.level): \(event.message)") } }
}
