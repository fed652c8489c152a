import ArgumentParser
import FrameInspect

/// `inspectd trace hooks`.
struct TraceHooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hooks", abstract: "Shows every call of a hook, and holds it against the contract.",
        discussion: """
            Example: inspectd trace hooks --for 30s --qmp /run/vm/qmp.sock --gdb /run/vm/gdb.sock --kernel kernel.elf
            Example: inspectd trace hooks scrub_unmap --frame 0x1f4000 --qmp /run/vm/qmp.sock --kernel kernel.elf
            Without --gdb a stub is started through QMP, and stopped afterwards.
            Ends with 1 where there are findings at or above --fail-on.
            """)

    @Argument(
        help: ArgumentHelp(
            "Only these hooks: the ends of their symbols' paths, or their addresses.", valueName: "symbol|address"))
    var hooks: [String] = []

    @OptionGroup(title: "Trace") var trace: TraceOptionGroup

    @Option(help: ArgumentHelp("Findings from which the exit status is 1: error, warning or note.", valueName: "level"))
    var failOn: Severity = .error

    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = try await TracePrinter.run(trace.options(.hooks, hooks: hooks), trace, target, output)
            if report.ending == .guestGone { throw CommandError(.unreachable, "QEMU ended, or its stub was removed.") }
            if report.count(atLeast: failOn) > 0 { throw ExitStatus.findings.exitCode }
        }
    }
}
