import ArgumentParser
import FrameInspect

/// `inspectd hooks`.
struct HooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Shows every installed hook, and the proof that it keeps its contract or not.",
        discussion: """
            Example: inspectd hooks --qmp /run/vm/qmp.sock --kernel kernel.elf
            Example: inspectd hooks scrub_unmap --qmp /run/vm/qmp.sock --kernel kernel.elf
            A verdict is 'clean' only where every path was followed to its end.
            """)

    @Argument(
        help: ArgumentHelp("Only this hook: the end of its symbol's path, or its address.", valueName: "symbol|address")
    )
    var hook: String?
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = try await target.withInspector(output) { inspector in
                let survey = try await inspector.hooks()
                return HooksReport(hooks: survey.hooks, provenance: inspector.provenance(survey.provenance))
            }.limited(to: hook)
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(
                    HooksRenderer.lines(report, isDetailed: hook != nil, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
