import ArgumentParser
import FrameInspect
import GDBRemote
import SocketTransport

/// The commands that a debugger reaches as `monitor fi …`: those of the program that only look and only print.
struct MonitorCommands: Sendable {
    /// Which `monitor fi` this is; it grows when a script that relies on it would break.
    static let api = 1
    /// The first word in a debugger.
    static let prefix = "fi"

    /// The program's commands that can be used.
    private static let commands: [any ParsableCommand.Type] = [
        SummaryCommand.self, DumpCommand.self, FrameCommand.self, VtablesCommand.self, MapCommand.self,
        AuditCommand.self,
        HooksCommand.self, PinsCommand.self, OwnerCommand.self, ExplainCommand.self, DoctorCommand.self,
    ]
    /// Those that do not look at a guest.
    private static let guestless: Set = ["explain"]
    /// Options that read or write files of this machine, or name another guest.
    private static let refused: Set = [
        "--qmp", "--gdb", "--core", "--kernel", "--profile", "--svg", "--baseline", "--write-baseline",
    ]

    /// The guest, as the command line named it.
    let target: TargetSelection
    /// One connection at a time to QMP, which serves one.
    let turn: ExclusiveTurn

    /// Answers one line.
    ///
    /// - Parameter stub: Runs something with an address at which the stub may be read.
    func answer(
        _ request: ProxyCommands.Request, stub: @Sendable (@Sendable (StreamAddress) async -> Void) async throws -> Void
    ) async {
        guard var words = CommandWords.split(request.line) else {
            return request.show("inspectd: a quote is not closed\n")
        }
        var width: Int? = 80
        if words.first == "--width" {
            guard words.count > 1, let columns = Int(words[1]), (0...10_000).contains(columns) else {
                return request.show("inspectd: --width wants a number of columns, or 0 for lines of any length\n")
            }
            width = columns == 0 ? nil : columns
            words.removeFirst(2)
        }
        guard let verb = words.first else { return request.show(Self.help) }
        switch verb {
        case "version": return request.show("inspectd \(ProgramVersion.text) api \(Self.api)\n")
        case "help" where words.count == 1, "--help" where words.count == 1: return request.show(Self.help)
        case "help":
            guard Self.names.contains(words[1]) else { return request.show(Self.unknown(words[1])) }
            return await run(["help", words[1]], target, width, request)
        default: break
        }
        guard Self.names.contains(verb) else { return request.show(Self.unknown(verb)) }
        for word in words {
            let name = String(word.prefix { $0 != "=" })
            guard !Self.refused.contains(name) else {
                return request.show(
                    "inspectd: \(name) is not for debuggers: the guest and its files are named where the proxy is started, and "
                        + "commands that use other files are typed in a shell\n")
            }
        }
        if Self.guestless.contains(verb) || words.contains("--help") || words.contains("-h") {
            return await run(words, target, width, request)
        }
        await look(words, width, request, stub)
    }

    /// Runs a command that looks at the guest, the best way there is.
    private func look(
        _ words: [String], _ width: Int?, _ request: ProxyCommands.Request,
        _ stub: @Sendable (@Sendable (StreamAddress) async -> Void) async throws -> Void
    ) async {
        if target.qmp != nil, target.memory != .gdbstub {
            var target = target
            target.gdb = nil
            // Stopping the guest over QMP would be a stop that the debugger did not ask for.
            if request.guest == .running { target.consistency = .live }
            return await turn.take { [target] in await run(words, target, width, request) }
        }
        switch request.guest {
        case .stopped: break
        case .running:
            return request.show(
                "inspectd: the guest runs, and a stub reads only while it stands still: stop it with ^C, or start the proxy "
                    + "with --qmp\n")
        case .unattached:
            return request.show(
                "inspectd: no debugger controls the guest now, so that the stub is free: connect one and stop the guest, or "
                    + "start the proxy with --qmp\n")
        }
        do {
            try await stub { address in
                var target = target
                target.qmp = nil
                target.gdb = Endpoint(address.description)
                await run(words, target, width, request)
            }
        } catch {
            request.show("inspectd: \(error)\n")
        }
    }

    private func run(
        _ words: [String], _ target: TargetSelection, _ width: Int?, _ request: ProxyCommands.Request
    ) async {
        _ = await CommandAnswer.run(words, target: target, width: width, show: request.show)
    }

    // MARK: Words

    private static var names: [String] { commands.map { $0.configuration.commandName ?? "" } }

    private static func unknown(_ verb: String) -> String {
        "inspectd: there is no command '\(DisplayText.harmless(verb))' for debuggers; 'monitor fi help' lists them\n"
    }

    private static var help: String {
        let width = (names.map(\.count).max() ?? 0) + 2
        let rows = commands.map { command in
            let name = command.configuration.commandName ?? ""
            return "  " + name + String(repeating: " ", count: width - name.count) + command.configuration.abstract
        }
        return """
            monitor fi COMMAND [ARGUMENTS] is inspectd's command of that name, for the guest of this debugger.

            \(rows.joined(separator: "\n"))
              help\(String(repeating: " ", count: width - 4))Shows this, or more about a command: monitor fi help dump.
              version\(String(repeating: " ", count: width - 7))Says which inspectd answers.

            Example: monitor fi frame 0x1000
            Example: monitor fi --width 120 dump --where 'flags.USER && refcount > 1' --limit 20

            """
    }
}
