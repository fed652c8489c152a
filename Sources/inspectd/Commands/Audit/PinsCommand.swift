import ArgumentParser
import FrameInspect

/// `inspectd pins`.
struct PinsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pins", abstract: "Shows every pinned block: owner, capabilities, references, mappings, age.",
        discussion: """
            Example: inspectd pins --qmp /run/vm/qmp.sock --kernel kernel.elf
            Example: inspectd pins --older-than 2s --qmp /run/vm/qmp.sock --kernel kernel.elf
            """)

    @Option(help: ArgumentHelp("Only pins that stay for so long.", valueName: "duration")) var olderThan: String?
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        guard let olderThan, DurationText.parse(olderThan) == nil else { return }
        throw ValidationError("--older-than '\(olderThan)' is no duration; write for example 500ms or 2s.")
    }

    func run() async throws {
        try await Execution.run(output) {
            let age = olderThan.flatMap { DurationText.parse($0) }
            let report = try await target.withInspector(output) { inspector in
                let survey = try await inspector.pins(olderThan: age)
                return PinsReport(survey: survey, provenance: inspector.provenance(survey.provenance))
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(PinsRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
