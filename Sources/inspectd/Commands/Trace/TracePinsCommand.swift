import ArgumentParser
import FrameInspect

/// `inspectd trace pins`.
struct TracePinsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pins",
        abstract: "Shows pins and their ends; at the end those that are left, by where they came from.",
        discussion: """
            Example: inspectd trace pins --for 30s --qmp /run/vm/qmp.sock --gdb /run/vm/gdb.sock --kernel kernel.elf
            Example: inspectd trace pins --quiet --for 5s --qmp /run/vm/qmp.sock --kernel kernel.elf
            Without --gdb a stub is started through QMP, and stopped afterwards.
            """)

    @OptionGroup(title: "Trace") var trace: TraceOptionGroup
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try await Execution.run(output) {
            let report = try await TracePrinter.run(trace.options(.pins), trace, target, output)
            if report.ending == .guestGone { throw CommandError(.unreachable, "QEMU ended, or its stub was removed.") }
        }
    }
}
