import ArgumentParser
import FrameInspect
import GuestMemory

/// `inspectd frame`.
struct FrameCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "frame", abstract: "Shows one frame: its slot, state, block, vtable and hooks.",
        discussion: "Example: inspectd frame 0x1234000 --qmp /run/vm/qmp.sock --kernel kernel.elf")

    @Argument(help: "Physical address, anywhere in the frame.") var address: String
    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        guard let number = NumberText.parse(address), number < AddressRange.limit else {
            throw ValidationError("'\(address)' is not a physical address; write for example 0x1234000.")
        }
    }

    func run() async throws {
        try await Execution.run(output) {
            let number = NumberText.parse(address) ?? 0
            let report = try await target.withInspector(output) { inspector in
                inspector.report(try await inspector.describe(PhysicalAddress(number)), requested: number)
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(FrameRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
