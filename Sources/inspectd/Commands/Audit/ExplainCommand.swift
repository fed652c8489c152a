import ArgumentParser
import CFindings
import FrameInspect

/// `inspectd explain`.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Explains a finding: what it means, how to confirm it, how to fix it.",
        discussion: "Example: inspectd explain vtable-writable")

    @Argument(help: ArgumentHelp("The finding; without one, all are listed.", valueName: "id")) var rule:
        RuleIdentifier?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let writer = OutputWriter()
            let style = output.terminal.style
            if let rule {
                guard let page = fi_finding_page(rule.rawValue) else {
                    throw CommandError(
                        .usage, "There is no page about \(rule.rawValue); 'inspectd explain' lists them.")
                }
                try writer.writeLines(ExplainRenderer.lines(page: String(cString: page), style: style))
            } else {
                try writer.writeLines(ExplainRenderer.index(style: style))
            }
            try writer.flush()
        }
    }
}
