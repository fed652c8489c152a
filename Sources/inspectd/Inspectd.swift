import ArgumentParser

/// The command: inspects the frame table of a kernel that runs under QEMU.
@main
struct Inspectd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspectd", abstract: "Shows what every physical frame of a running QEMU guest is doing.",
        version: ProgramVersion.text,
        subcommands: [
            SummaryCommand.self, DumpCommand.self, FrameCommand.self, VtablesCommand.self, MapCommand.self,
            DoctorCommand.self, TargetsCommand.self,
        ])
}
