import ArgumentParser
import FrameInspect

/// `inspectd vtables`.
struct VtablesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vtables", abstract: "Shows every vtable that frames use, with its hooks.",
        discussion: "Example: inspectd vtables --qmp /run/vm/qmp.sock --kernel kernel.elf")

    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = try await target.withInspector(output) { inspector in
                inspector.report(try await inspector.vtables())
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(VtableRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
