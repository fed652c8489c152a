import ArgumentParser
import FrameInspect

/// `inspectd audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Finds hooks that break their contract, leaked pins, and contradictions.",
        discussion: """
            Example: inspectd audit --qmp /run/vm/qmp.sock --kernel kernel.elf
            Example: inspectd audit --core guest.core --kernel kernel.elf --format sarif > audit.sarif
            Ends with 1 where there are findings at or above --fail-on.
            """)

    @OptionGroup(title: "Target") var target: TargetOptions

    @Option(
        name: .customLong("rule"),
        help: ArgumentHelp("Check only this rule; repeatable. 'inspectd explain' lists them.", valueName: "id"))
    var rules: [RuleIdentifier] = []

    @Option(help: ArgumentHelp("Findings from which the exit status is 1: error, warning or note.", valueName: "level"))
    var failOn: Severity = .error

    @Option(help: ArgumentHelp("Print text, json or sarif (2.1.0).", valueName: "format"))
    var format: AuditFormat = .text

    @Option(
        help: ArgumentHelp("Leave out the findings that this file lists.", valueName: "file"), completion: .file())
    var baseline: String?

    @Option(
        help: ArgumentHelp("Write the findings to this file, to be left out from now on.", valueName: "file"),
        completion: .file())
    var writeBaseline: String?

    @Option(help: ArgumentHelp("How often to look before something that may pass is a finding.", valueName: "count"))
    var samples = 3

    @Option(help: ArgumentHelp("Time between two looks.", valueName: "duration"))
    var interval = "500ms"

    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        guard (1...1000).contains(samples) else {
            throw ValidationError("--samples is \(samples); 1 to 1000 make sense.")
        }
        guard DurationText.parse(interval) != nil else {
            throw ValidationError("--interval '\(interval)' is no duration; write for example 500ms or 2s.")
        }
    }

    func run() async throws {
        try await Execution.run(output) {
            let known = try baseline.map { try Baseline(contentsOf: $0) }
            var options = AuditOptions()
            if !rules.isEmpty { options.rules = Set(rules) }
            options.samples = samples
            options.interval = DurationText.parse(interval) ?? options.interval
            var document = try await target.withInspector(output) { [options] inspector in
                let report = try await inspector.audit(options)
                return AuditDocument(report: report, provenance: inspector.provenance(report.provenance))
            }
            if let writeBaseline {
                try Baseline(document.report.findings).write(to: writeBaseline)
            }
            if let known { document.leaveOut(known) }
            let writer = OutputWriter()
            switch format {
            case .text:
                try writer.writeLines(AuditRenderer.lines(document, style: output.terminal.style))
            case .json: try writer.write(document.json.text)
            case .sarif: try writer.write(SARIFDocument.json(document).text)
            }
            try writer.flush()
            if document.report.count(atLeast: failOn) > 0 { throw ExitStatus.findings.exitCode }
        }
    }
}
