import ArgumentParser
import FrameInspect
import GuestMemory

/// `inspectd owner`.
struct OwnerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "owner", abstract: "Shows who refers to a frame: capabilities, mappings, pins, free list, hooks.",
        discussion: "Example: inspectd owner 0x1234000 --qmp /run/vm/qmp.sock --kernel kernel.elf")

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
                let ownership = try await inspector.owner(of: PhysicalAddress(number))
                return OwnerReport(
                    ownership: ownership, frame: inspector.report(ownership.frame, requested: number),
                    provenance: inspector.provenance(ownership.frame.provenance))
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(OwnerRenderer.lines(report, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
