import ArgumentParser
import Glibc

/// The command: inspects the frame table of a kernel that runs under QEMU.
@main
struct Inspectd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspectd", abstract: "Shows what every physical frame of a running QEMU guest is doing.",
        discussion: """
            Example: inspectd targets
                     inspectd summary --qmp /run/vm/qmp.sock --kernel kernel.elf

            The options that name the target can be given as variables: INSPECTD_QMP, INSPECTD_GDB, INSPECTD_CORE, \
            INSPECTD_KERNEL, INSPECTD_PROFILE, INSPECTD_SLIDE, INSPECTD_ANCHOR (NAME=ADDRESS, several by commas), \
            INSPECTD_MEMORY, INSPECTD_CONSISTENCY, INSPECTD_TIMEOUT. An option wins over its variable.

            Every command that looks at a guest takes --daemon [SOCKET] --guest ID instead: a running 'inspectd serve' then looks.

            Exit status: 0 done, 64 wrong usage, 65 image or profile does not match, 69 guest unreachable, 74 read or \
            write failed, 130 interrupted.
            """,
        version: ProgramVersion.text,
        subcommands: [
            SummaryCommand.self, DumpCommand.self, FrameCommand.self, VtablesCommand.self, MapCommand.self,
            AuditCommand.self, HooksCommand.self, PinsCommand.self, OwnerCommand.self, ExplainCommand.self,
            TraceCommand.self, SnapshotCommand.self, DiffCommand.self,
            DoctorCommand.self, TargetsCommand.self, GDBProxyCommand.self, ServeCommand.self, CheckConfigCommand.self,
            HistoryCommand.self,
        ])

    static func main() async {
        StandardDescriptors.reserve()
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            if let invocation = try DaemonInvocation(arguments, environment: ProcessEnvironment.all()) {
                signal(SIGPIPE, SIG_IGN)
                Glibc.exit(try invocation.run())
            }
        } catch {
            let style = Terminal(descriptor: 2, colour: .auto).style
            let text = ErrorReport.text(for: error, isVerbose: false, style: style)
            _ = text.withCString { write(2, $0, strlen($0)) }
            Glibc.exit(ExitStatus(error).rawValue)
        }
        await main(nil)
    }
}
