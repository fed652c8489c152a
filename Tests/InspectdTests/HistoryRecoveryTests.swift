import Foundation
import GRDB
import GuestTesting
import Testing

@testable import inspectd

/// Daemons that begin anew, and files that cannot be used: nothing is lost, doubled or overwritten.
@Suite struct HistoryRecoveryTests {
    private static func finding(_ fingerprint: String, at time: Int64, closed: Int64? = nil) -> HistoryFinding {
        HistoryFinding(
            fingerprint: fingerprint, rule: "pin-orphaned", severity: "error", subject: "s",
            message: "a \"quoted\" message",
            opened: time, confirmed: time + 2, closed: closed, frames: "[{\"address\": \"0x1000\", \"count\": 1}]",
            document: "{\"rule\": \"pin-orphaned\"}")
    }

    private static func pin(_ frame: UInt64, began: Int64, lastSeen: Int64, generation: UInt64? = 3) -> HistoryPin {
        HistoryPin(
            key: HistoryPin.Key(frame: frame, order: 0, generation: generation), pins: 1, isOrphaned: false,
            began: began,
            lastSeen: lastSeen)
    }

    /// A look with sure findings; others that the rules said are in `seen`.
    private static func look(
        _ time: Int64, findings: [HistoryFinding] = [], seen: Set<String> = [], pins: [HistoryPin]? = []
    ) -> HistoryLook {
        let sure = Set(findings.map(\.fingerprint))
        return HistoryLook(
            guest: "demo", time: time, values: [1],
            findings: findings.map { finding in
                HistoryLook.Sighting(fingerprint: finding.fingerprint) { finding }
            }, pins: pins
        ) { fingerprint, _ in !seen.contains(fingerprint) && !sure.contains(fingerprint) }
    }

    private let directory: TemporaryDirectory
    private var path: String { directory.file("history.sqlite") }
    /// Times in these tests are small numbers, and nothing shall be too old.
    private var configuration: DaemonConfiguration.History {
        let ages = Duration.seconds(200 * 366 * 86_400)
        return DaemonConfiguration.History(path: path, retention: ages, total: ages)
    }

    init() throws { directory = try TemporaryDirectory(prefix: "history") }

    /// Runs a history as long as `body`.
    private func with(_ body: (RunningHistory) async throws -> Void) async throws {
        let history = try await RunningHistory(configuration)
        try await history.waitUntilWritten()
        try await body(history)
        try await history.waitUntilWritten()
        try await history.close()
    }

    private func findings() throws -> [HistoryFinding] {
        try HistoryDatabase.read(path) { reader in
            let guest = try #require(try reader.guest("demo"))
            return try reader.findings(guest, from: 0, open: true)
        }
    }

    private func pins() throws -> [HistoryReader.StoredPin] {
        try HistoryDatabase.read(path) { reader in
            let guest = try #require(try reader.guest("demo"))
            var pins: [HistoryReader.StoredPin] = []
            try reader.forEachPin(guests: [(guest, "demo")], from: 0, to: .max) { pins.append($0) }
            return pins
        }
    }

    @Test func anOpenFindingIsAdoptedByTheNextDaemon() async throws {
        try await with { history in
            history.queue.add(opened: [Self.finding("a", at: 1000)], closed: [], guest: "demo")
            history.queue.add(Self.look(1000, findings: [Self.finding("a", at: 1000)]))
        }
        // Who ends properly leaves one file.
        #expect(!FileManager.default.fileExists(atPath: path + "-wal"))
        #expect(try findings().map(\.closed) == [nil])
        try await with { history in
            // At first it is seen and not sure yet; then the watch tells of it as of a new one.
            history.queue.add(Self.look(5000, seen: ["a"]))
            history.queue.add(opened: [Self.finding("a", at: 5000)], closed: [], guest: "demo")
            history.queue.add(Self.look(6000, findings: [Self.finding("a", at: 5000)]))
        }
        let kept = try findings()
        #expect(kept.map(\.opened) == [1000] && kept.map(\.closed) == [nil])
        try await with { history in
            history.queue.add(Self.look(8000, seen: ["a"]))
            history.queue.add(Self.look(9000))
        }
        #expect(try findings().map(\.closed) == [9000])
    }

    @Test func aFindingThatComesBackIsANewRow() async throws {
        try await with { history in
            history.queue.add(opened: [Self.finding("a", at: 1000)], closed: [], guest: "demo")
            history.queue.add(opened: [], closed: [Self.finding("a", at: 1000, closed: 2000)], guest: "demo")
            history.queue.add(Self.look(2000))
            history.queue.add(opened: [Self.finding("a", at: 3000)], closed: [], guest: "demo")
            history.queue.add(Self.look(3000, findings: [Self.finding("a", at: 3000)]))
            // News of the first end, come late.
            history.queue.add(opened: [], closed: [Self.finding("a", at: 1000, closed: 2500)], guest: "demo")
        }
        let kept = try findings()
        #expect(kept.map(\.opened) == [1000, 3000])
        #expect(kept.map(\.closed) == [2000, nil])
        #expect(kept.first?.json.line.contains("\"finding\": {\"rule\": \"pin-orphaned\"}") == true)
    }

    @Test func pinsKeepTheirBeginningAcrossARestartAndEndOnce() async throws {
        try await with { history in
            history.queue.add(
                Self.look(
                    1000, pins: [Self.pin(1, began: 1000, lastSeen: 1000), Self.pin(2, began: 1000, lastSeen: 1000)]))
            history.queue.add(
                Self.look(
                    2000,
                    pins: [
                        Self.pin(1, began: 1000, lastSeen: 2000),
                        Self.pin(3, began: 1000, lastSeen: 2000, generation: nil),
                    ]))
        }
        // What one look saw is not kept.
        #expect(try pins().map(\.pin.key.frame) == [1, 3])
        try await with { history in
            history.queue.add(Self.look(4000, pins: nil))
            history.queue.add(
                Self.look(
                    5000,
                    pins: [
                        Self.pin(1, began: 5000, lastSeen: 5000),
                        Self.pin(1, began: 5000, lastSeen: 5000, generation: 4),
                    ]))
            history.queue.add(Self.look(6000, pins: [Self.pin(1, began: 5000, lastSeen: 6000)]))
            history.queue.add(Self.look(7000, pins: []))
        }
        let kept = try pins()
        #expect(kept.map(\.pin.key.frame) == [1, 3])
        #expect(kept.map(\.pin.began) == [1000, 1000])
        #expect(kept.map(\.ended) == [6000, 2000])
        #expect(kept.map(\.pin.key.generation) == [3, nil])
    }

    @Test func whatTheQueueCannotHoldIsCountedAndMadeUpFor() async throws {
        let queue = HistoryQueue()
        #expect(queue.load(HistoryMirror()))
        for time in 0..<6000 { queue.add(Self.look(Int64(time), pins: nil)) }
        #expect(queue.count == HistoryQueue.maximumLooks)
        #expect(queue.takeDropped().looks == UInt64(6000 - HistoryQueue.maximumLooks))
        for time in 0..<HistoryQueue.maximumEntries {
            queue.add(opened: [Self.finding("f\(time)", at: 1)], closed: [], guest: "demo")
        }
        #expect(queue.count == HistoryQueue.maximumEntries && queue.needsMirror)
        #expect(queue.takeDropped().changes == UInt64(HistoryQueue.maximumLooks))
        // The next look tells again what was lost.
        while !queue.take(1000).isEmpty {}
        #expect(queue.load(HistoryMirror()) && !queue.needsMirror)
        queue.add(Self.look(9000, findings: [Self.finding("f1", at: 1)]))
        let entries = queue.take(10)
        #expect(entries.count == 2)
        if case .opened(_, let finding)? = entries.last { #expect(finding.fingerprint == "f1") } else { Issue.record() }
    }

    @Test(arguments: [0, 3000, 8192]) func aDamagedFileIsLeftAloneUntilItIsMovedAway(_ offset: Int) async throws {
        try await with { history in
            for time in 0..<2000 { history.queue.add(Self.look(Int64(time) * 1000)) }
        }
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try #require(bytes.count > 20_000)
        bytes.replaceSubrange(offset..<offset + 4096, with: Data(repeating: 0x5A, count: 4096))
        try bytes.write(to: URL(fileURLWithPath: path))
        let history = try await RunningHistory(configuration)
        let problem = try await history.waitForProblem(.damaged)
        #expect(problem.contains(path) && problem.contains("left as it is"))
        for time in 0..<50 { history.queue.add(Self.look(Int64(time))) }
        try await Task.sleep(for: .milliseconds(300))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
        #expect(history.log.count(of: "damaged") == 1, "\(history.log.text)")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".damaged")
        try await history.waitUntilReady()
        try await history.waitUntilWritten()
        try await history.close()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path + ".damaged")) == bytes)
        #expect(try HistoryDatabase.read(path) { try $0.guests().map(\.looks) } == [50])
    }

    @Test(arguments: [
        "PRAGMA user_version = 2", "INSERT INTO grdb_migrations VALUES ('of the future')",
        "PRAGMA application_id = 7",
    ]) func aDatabaseOfANewerVersionOrAnotherProgramIsLeftAlone(_ sql: String) async throws {
        try await with { history in history.queue.add(Self.look(1000)) }
        let queue = try DatabaseQueue(path: path)
        try await queue.write { db in try db.execute(sql: sql) }
        try queue.close()
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let history = try await RunningHistory(configuration)
        let isForeign = sql.contains("application_id")
        let problem = try await history.waitForProblem(isForeign ? .foreign : .newer)
        #expect(problem.contains(isForeign ? "another program" : "a newer inspectd"))
        history.queue.add(Self.look(2000))
        try await history.close()
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
        let run = try await Program()("history", "--database", path)
        #expect(run.status == 65 && run.errors.contains(path), "\(run.errors)")
    }

    @Test func theSecondDaemonWaitsForTheFirst() async throws {
        let first = try await RunningHistory(configuration)
        try await first.waitUntilWritten()
        let second = try await RunningHistory(configuration)
        let problem = try await second.waitForProblem(.inUse)
        #expect(problem.contains("process \(getpid())") && problem.contains(path))
        first.queue.add(Self.look(1000))
        second.queue.add(Self.look(2000))
        try await first.waitUntilWritten()
        #expect(try HistoryDatabase.read(path) { try $0.guests().map(\.looks) } == [1])
        try await first.close()
        try await second.waitUntilReady()
        try await second.waitUntilWritten()
        try await second.close()
        #expect(try HistoryDatabase.read(path) { try $0.guests().map(\.looks) } == [2])
        #expect(second.log.count(of: "goes on without history") == 1, "\(second.log.text)")
        #expect(second.log.count(of: "written again") == 1, "\(second.log.text)")
    }

    @Test func aPlaceWhereNothingCanBeMadeIsTold() async throws {
        try Data("x".utf8).write(to: URL(fileURLWithPath: directory.file("file")))
        let path = directory.file("file/state/history.sqlite")
        let history = try await RunningHistory(DaemonConfiguration.History(path: path))
        let problem = try await history.waitForProblem(.refused)
        #expect(problem.contains(path) && problem.contains("Not a directory"))
        #expect(throws: HistoryError.self) { try history.status.database() }
        try await history.close()
    }

    @Test func aFileThatIsRemovedIsBegunAnew() async throws {
        let history = try await RunningHistory(configuration)
        try await history.waitUntilWritten()
        history.queue.add(Self.look(1000, findings: [Self.finding("a", at: 1000)]))
        try await history.waitUntilWritten()
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
        try await history.waitForLog("moved away")
        try await history.waitUntilWritten()
        history.queue.add(Self.look(2000, findings: [Self.finding("a", at: 1000)]))
        try await history.waitUntilWritten()
        try await history.close()
        #expect(try findings().map(\.fingerprint) == ["a"])
        #expect(try HistoryDatabase.read(path) { try $0.guests().map(\.looks) } == [1])
        #expect(history.log.count(of: "moved away") == 1, "\(history.log.text)")
    }
}
