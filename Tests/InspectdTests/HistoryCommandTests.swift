import GRDB
import GuestTesting
import Testing

@testable import inspectd

/// `inspectd history` without a daemon: what is wrong is told, and plots show what is there.
@Suite struct HistoryCommandTests {
    @Test(
        arguments: [
            ("history --findings --pins", 64, "exclude each other"),
            ("history pins --findings", 64, "exclude each other"),
            ("history --step 5s", 64, "--step needs a metric"), ("history --export xml", 64, "'csv' and 'ndjson'"),
            ("history --export csv --format json", 64, "--export ndjson"), ("history pin", 64, "did you mean pins?"),
            ("history pins --from yesterday", 64, "15min, 2h or 7d"), ("history pins --step soon", 64, "500ms"),
            ("history --database /no/such/history.sqlite", 69, "inspectd serve"),
            ("history --database /etc/passwd", 74, "damaged"), ("history --database /dev", 74, "/dev"),
        ] as [(String, Int32, String)]) func whatIsWrongIsTold(_ line: String, _ status: Int32, _ says: String)
        async throws
    {
        let run = try await Program().run(line.split(separator: " ").map(String.init))
        #expect(run.status == status && run.errors.contains(says) && run.output.isEmpty, "\(run.status): \(run.errors)")
    }

    @Test func theDatabaseIsTheDaemonsWithoutAnOption() async throws {
        let program = try Program()
        let run = try await program("history", environment: ["XDG_STATE_HOME": "/no/such/state"])
        #expect(run.status == 69 && run.errors.contains("/no/such/state/inspectd/history.sqlite"), "\(run.errors)")
        let help = try await program.output("history --help")
        #expect(help.contains("Example: inspectd history") && help.contains("$XDG_STATE_HOME"))
    }

    @Test func unknownGuestsAndSeveralOnesAreTold() async throws {
        let program = try Program()
        let path = program.file("history.sqlite")
        let opened = try HistoryDatabase.open(path, maximumBytes: 1 << 20)
        try await opened.pool.write { db in
            let values = HistoryMetric.all.map { _ in Double?.some(1) }
            try HistoryStore.write(
                ["one", "two"].flatMap { guest in
                    (0..<20).map { .look(guest: guest, time: 1_700_000_000_000 + Int64($0) * 1000, values: values) }
                }, to: db)
        }
        let several = try await program("history", "pins", "--database", path)
        #expect(several.status == 64 && several.errors.contains("--guest: one, two"), "\(several.errors)")
        let unknown = try await program("history", "--guest", "three", "--database", path)
        #expect(unknown.status == 64 && unknown.errors.contains("one, two"), "\(unknown.errors)")
        let rows = try await program("history", "pins", "--guest", "two", "--step", "10s", "--database", path)
        #expect(rows.status == 0 && rows.output.split(separator: "\n").count == 4, "\(rows.output)")
        let many = try await program(
            "history", "pins", "--guest", "two", "--from", "0", "--step", "1s", "--database", path)
        #expect(many.status == 64 && many.errors.contains("points"), "\(many.errors)")
        let list = try await program.output("history --database \(path)")
        #expect(list.contains("one") && list.contains("two") && list.contains("pinned blocks"))
        let export = try await program.output("history --export ndjson --guest one --database \(path)")
        #expect(export.split(separator: "\n").count == 20 * HistoryMetric.all.count)
    }

    @Test func plotsShowGapsAndExtremes() {
        let style = Style(unicode: true, width: 80, isInteractive: true)
        let plot = HistoryPlot([0, nil, 7, 3.5], columns: 10, style: style)
        #expect(plot.line == "▁ █▅")
        #expect(plot.lines.count == 8)
        #expect(plot.lines.first?.hasSuffix("7 ┤  █ ") == true)
        #expect(plot.lines.last?.hasSuffix("0 ┤▁ ██") == true)
        #expect(HistoryPlot([1, 1, 1], columns: 10, style: .plain).line == "___")
        #expect(HistoryPlot([nil], columns: 10, style: style).lines.isEmpty)
        let many = HistoryPlot((0..<1000).map { Double($0) }, columns: 100, style: style)
        #expect(many.values.count == 100 && many.values.first == 4.5 && many.values.last == 994.5)
    }

    @Test func stepsAreChosenAndBounded() throws {
        let day = try HistoryRange(from: 1000, to: 86_401_000, step: nil) { 2000 }
        #expect(day.step == 120_000 && day.count <= 1000 && day.from % day.step == 0)
        #expect(try HistoryRange(from: 0, to: 60_000, step: nil) { 2000 }.step == 2000)
        #expect(try HistoryRange(from: 0, to: 10 * 366 * 86_400_000, step: nil) { 1 }.count <= 1000)
        for (from, to, step) in [(0, 5_001_000, 1000), (5, 5, 1000), (9, 5, 1000), (0, 1000, 0), (0, .max / 2, 1)]
            as [(Int64, Int64, Int64)]
        {
            #expect(throws: CommandError.self) { try HistoryRange(from: from, to: to, step: step) { 1 } }
        }
    }
}
