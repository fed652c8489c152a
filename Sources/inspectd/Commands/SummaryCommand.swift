import ArgumentParser
import FrameInspect

/// `inspectd summary`.
struct SummaryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary", abstract: "Counts all frames by flags, state, order, zone and references.",
        discussion: "Example: inspectd summary --qmp /run/vm/qmp.sock --kernel kernel.elf")

    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = try await target.withInspector(output) { inspector in
                let (summary, provenance) = try await inspector.summary()
                return inspector.report(summary, provenance)
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(SummaryRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
