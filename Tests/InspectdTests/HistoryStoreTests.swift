import Foundation
import GRDB
import GuestTesting
import Logging
import Testing

@testable import inspectd

/// The history's database: what goes in, what is thinned and dropped, what is adopted after a restart.
@Suite struct HistoryStoreTests {
    private static let day = Duration.seconds(86_400)

    /// Values of a look: the first metric counts, the others stand still, and there is a pause for every second look.
    private static func values(_ number: Int) -> [Double?] {
        HistoryMetric.all.map { metric in
            switch metric.name {
            case "frames.unmanaged": Double(number)
            case "pause.seconds": number % 2 == 0 ? 0.25 : nil
            default: 7
            }
        }
    }

    private static func looks(_ count: Int, from start: Int64, every step: Int64, guest: String = "demo")
        -> [HistoryEntry]
    {
        (0..<count).map { .look(guest: guest, time: start + Int64($0) * step, values: values($0)) }
    }

    private static func points(_ db: Database, _ name: String, from: Int64, to: Int64, step: Int64) throws
        -> [HistoryReader.Point]
    {
        let reader = HistoryReader(db)
        let guest = try #require(try reader.guest("demo"))
        let range = try HistoryRange(from: from, to: to, step: step) { 1000 }
        return try reader.points(guest, try HistoryMetric.named(name), range)
    }

    private let directory: TemporaryDirectory
    private var path: String { directory.file("state/inspectd/history.sqlite") }

    init() throws { directory = try TemporaryDirectory(prefix: "history") }

    private func open(maximumBytes: Int = 64 << 20) throws -> HistoryDatabase.Opened {
        try HistoryDatabase.open(path, maximumBytes: maximumBytes)
    }

    @Test func keepsWhatItIsGivenAndAnswersInSteps() throws {
        let opened = try open()
        try opened.pool.write { db in try HistoryStore.write(Self.looks(100, from: 1_000_000_000, every: 500), to: db) }
        try opened.pool.read { db in
            let points = try Self.points(db, "frames.unmanaged", from: 1_000_000_000, to: 1_000_050_000, step: 10_000)
            #expect(points.map(\.samples) == [20, 20, 20, 20, 20])
            #expect(points.map(\.min) == [0, 20, 40, 60, 80])
            #expect(points.map(\.max) == [19, 39, 59, 79, 99])
            #expect(points.map(\.mean) == [9.5, 29.5, 49.5, 69.5, 89.5])
            let pauses = try Self.points(db, "pause.seconds", from: 1_000_000_000, to: 1_000_050_000, step: 50_000)
            #expect(pauses == [HistoryReader.Point(time: 1_000_000_000, min: 0.25, max: 0.25, mean: 0.25, samples: 50)])
            #expect(try Int.fetchOne(db, sql: "PRAGMA auto_vacuum") == 2)
            #expect(try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal")
        }
    }

    @Test func thinningKeepsSmallestLargestAndMeanThroughMinutesAndHours() throws {
        let opened = try open()
        let start: Int64 = 1_699_999_200_000  // an hour's beginning
        // Two hours and a half, a look each second.
        try opened.pool.write { db in try HistoryStore.write(Self.looks(9000, from: start, every: 1000), to: db) }
        let now = start + 9_000_000
        func thin(_ retention: Duration, _ total: Duration, now: Int64) throws {
            for _ in 0..<200 {
                if try opened.pool.write({ db in
                    try HistoryStore.thin(db, now: now, retention: retention, total: total)
                }) {
                    return
                }
            }
            Issue.record("thinning does not come to its end")
        }
        func count(_ table: String) throws -> Int? {
            try opened.pool.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table)") }
        }
        let before = try opened.pool.read { db in
            try Self.points(db, "frames.unmanaged", from: start, to: now, step: 3_600_000)
        }
        try thin(.seconds(1800), Self.day, now: now)
        #expect(try count("sample") == 1800)
        #expect(try count("minute") == 120)
        #expect(try count("hour") == 0)
        try opened.pool.read { db in
            #expect(try Self.points(db, "frames.unmanaged", from: start, to: now, step: 3_600_000) == before)
            let first = try #require(try Self.points(db, "pause.seconds", from: start, to: now, step: 3_600_000).first)
            #expect(first.mean == 0.25 && first.min == 0.25)
            let guest = try #require(try HistoryReader(db).guest("demo"))
            #expect(try HistoryReader(db).finestStep(guest, from: start, to: now) == 60_000)
            #expect(try HistoryReader(db).finestStep(guest, from: now - 600_000, to: now) == 2000)
        }
        // Later the minutes become hours: seven times as old as whole samples may be.
        try thin(.seconds(1800), Self.day, now: now + 11_700_000)
        #expect(try count("sample") == 0)
        #expect(try count("minute") == 30)
        #expect(try count("hour") == 2)
        try opened.pool.read { db in
            let points = try Self.points(db, "frames.unmanaged", from: start, to: now, step: 3_600_000)
            #expect(points.map(\.min) == before.map(\.min) && points.map(\.max) == before.map(\.max))
            for (point, old) in zip(points, before) { #expect(abs(point.mean - old.mean) < 1e-6) }
            #expect(points.map(\.samples) == before.map(\.samples))
        }
        // And in the end nothing is left.
        try thin(.seconds(1800), Self.day, now: now + 2 * 86_400_000)
        #expect(try count("minute") == 0)
        #expect(try count("hour") == 0)
    }

    @Test func looksThatComeLateAreCountedInTheirMinute() throws {
        let opened = try open()
        let start: Int64 = 1_699_999_200_000
        func write(_ entries: [HistoryEntry]) throws {
            try opened.pool.write { db in
                try HistoryStore.write(entries, to: db)
                _ = try HistoryStore.thin(db, now: start + 3_600_000, retention: .seconds(60), total: Self.day)
            }
        }
        try write(Self.looks(10, from: start, every: 1000))
        try write([.look(guest: "demo", time: start + 30_000, values: Self.values(100))])
        try opened.pool.read { db in
            let points = try Self.points(db, "frames.unmanaged", from: start, to: start + 60_000, step: 60_000)
            #expect(points.map(\.samples) == [11])
            #expect(points.map(\.max) == [100] && points.map(\.min) == [0])
            #expect(abs((points.first?.mean ?? 0) - 145.0 / 11) < 1e-9)
        }
    }

    @Test(.timeLimit(.minutes(3))) func staysWithinItsSizeAndDropsTheOldest() async throws {
        let limit = 1 << 20
        var configuration = DaemonConfiguration.History(path: path)
        configuration.maximumBytes = limit
        let history = try await RunningHistory(configuration)
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let start = now - 40_000_000
        for batch in 0..<24 {
            let looks = Self.looks(1000, from: start + Int64(batch) * 1_000_000, every: 1000)
            for case .look(let guest, let time, let values) in looks {
                history.queue.add(
                    HistoryLook(guest: guest, time: time, values: values, findings: [], pins: nil) { _, _ in false })
            }
            try await history.waitUntilWritten()
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            #expect(size <= limit, "\(size) bytes after \(batch + 1) batches")
        }
        try await history.close()
        #expect(history.dropped.looks == 0)
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        #expect(size <= limit && size > limit / 4, "\(size) bytes")
        try HistoryDatabase.read(path) { reader in
            let guest = try #require(try reader.guests().first)
            // The newest are whole, the older ones thinned.
            #expect(guest.last == start + 23_999_000)
            #expect(guest.looks >= 500 && guest.looks < 20_000)
            #expect(guest.minutes > 100)
        }
    }

    @Test func aRowThatADamagedClockRepeatsReplacesTheOther() throws {
        let opened = try open()
        try opened.pool.write { db in
            try HistoryStore.write(Self.looks(1, from: 5000, every: 1), to: db)
            try HistoryStore.write([.look(guest: "demo", time: 5000, values: Self.values(9))], to: db)
        }
        try opened.pool.read { db in
            let points = try Self.points(db, "frames.unmanaged", from: 0, to: 10_000, step: 10_000)
            #expect(points == [HistoryReader.Point(time: 0, min: 9, max: 9, mean: 9, samples: 1)])
        }
    }
}
