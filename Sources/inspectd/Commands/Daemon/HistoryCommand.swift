import ArgumentParser
import FrameInspect

/// `inspectd history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Shows what 'inspectd serve' has kept: metrics, findings, pins.",
        discussion: """
            Example: inspectd history
            Example: inspectd history frames.free-listed --guest demo --from 2h
            Example: inspectd history --findings --from 2026-01-31T12:00:00Z
            Example: inspectd history --pins --export csv > pins.csv
            It reads the file beside a daemon that writes it, and without one. Moments are written 2026-01-31T12:00:00Z, as seconds \
            since 1970, or as the time ago: 90s, 15min, 2h, 7d.
            """)

    @Argument(help: "A metric; without one, guests and metrics are listed.") var metric: String?
    @Option(help: ArgumentHelp("Only this guest.", valueName: "id")) var guest: String?
    @Option(help: ArgumentHelp("From this moment on.", valueName: "moment")) var from: String?
    @Option(help: ArgumentHelp("Up to this moment.", valueName: "moment")) var to: String?
    @Option(help: ArgumentHelp("Time from one point of the metric to the next.", valueName: "duration"))
    var step: String?
    @Flag(help: "Show the findings, open and closed.") var findings = false
    @Flag(help: "Show the pins and how long they lasted.") var pins = false
    @Option(help: ArgumentHelp("Write rows for other programs: csv or ndjson.", valueName: "form"))
    var export: HistoryExport.Form?
    @Option(
        help: ArgumentHelp(
            "The history's file. (default: $XDG_STATE_HOME/inspectd/history.sqlite)", valueName: "path"),
        completion: .file(extensions: ["sqlite"]))
    var database: String?
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        guard [metric != nil, findings, pins].count(where: { $0 }) <= 1 else {
            throw ValidationError("A metric, --findings and --pins exclude each other; run the command once for each.")
        }
        if step != nil, metric == nil { throw ValidationError("--step needs a metric; 'inspectd history' lists them.") }
        if export != nil, format.format == .json {
            throw ValidationError(
                "--export and --format exclude each other; for JSON line by line write --export ndjson.")
        }
        if database == "" { throw ValidationError("--database is empty; write the path of a history behind it.") }
    }

    func run() async throws {
        try await Execution.run(output) {
            let style = output.terminal.style
            let query = try query(style)
            let path = try path()
            let writer = OutputWriter()
            do {
                try HistoryDatabase.read(path) { reader in
                    if let export {
                        var rows = HistoryExport(form: export, writer: writer)
                        return try query.export(reader, to: &rows)
                    }
                    let report = try query.report(reader, path: path)
                    if format.format == .json {
                        try writer.write(report.json.text)
                    } else {
                        try writer.writeLines(HistoryRenderer.lines(report, style: style))
                    }
                }
            } catch let error where !(error is CommandError || error is OutputError) {
                throw CommandError(HistoryError(error, path))
            }
            try writer.flush()
        }
    }

    private func path() throws -> String {
        if let database { return database }
        guard let directory = DaemonConfiguration.stateDirectory(ProcessEnvironment.all()) else {
            throw CommandError(.usage, "neither XDG_STATE_HOME nor HOME is set; name the history with --database")
        }
        return directory + "/" + DaemonConfiguration.historyName
    }

    private func query(_ style: Style) throws -> HistoryQuery {
        let now = WallClock.now
        func moment(_ text: String?, _ option: String) throws -> Int64? {
            guard let text else { return nil }
            if let seconds = TimeText.parse(text) { return HistoryTime.milliseconds(seconds) }
            guard let ago = HistoryRange.duration(text) else {
                throw CommandError(
                    .usage,
                    "\(option) is '\(text)'; write a moment like 2026-01-31T12:00:00Z, or a time ago like 15min, 2h or 7d"
                )
            }
            return max(HistoryTime.milliseconds(now) - ago, 0)
        }
        var query = HistoryQuery()
        query.guest = guest
        query.metric = try metric.map { name throws(CommandError) in try HistoryMetric.named(name) }
        query.from = try moment(from, "--from")
        query.to = try moment(to, "--to")
        query.step = try step.map { text in
            guard let step = HistoryRange.duration(text) else {
                throw CommandError(
                    .usage, "--step is '\(text)', which is no duration; write for example 500ms, 10s or 1h")
            }
            return step
        }
        query.wantsFindings = findings
        query.wantsPins = pins
        if style.isInteractive, format.format == .text, let width = style.width {
            query.points = Int64(max(HistoryPlot.columns(width), 8))
        }
        return query
    }
}

extension CommandError {
    /// What an error of the history means for the command.
    fileprivate init(_ error: HistoryError) {
        let status: ExitStatus =
            switch error.code {
            case .missing: .unreachable
            case .newer, .foreign: .mismatch
            default: .readFailed
            }
        self.init(status, error.description)
    }
}
