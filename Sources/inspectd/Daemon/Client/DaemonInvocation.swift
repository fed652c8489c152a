import ArgumentParser
import Glibc

/// `inspectd COMMAND … --daemon [SOCKET] --guest ID`: a command that a daemon runs, on a guest that it watches.
struct DaemonInvocation: Sendable {
    /// The daemon's socket.
    private let socket: String
    /// The guest; nil for the only one.
    private let guest: String
    /// The command without these options.
    private let words: [String]

    /// Takes the options out of a command line; nil where it does not ask for a daemon.
    ///
    /// - Throws: ``CommandError`` where no guest is named.
    init?(_ arguments: [String], environment: [String: String]) throws(CommandError) {
        var socket: String?
        var guest: String?
        var words: [String] = []
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "--":
                words += [word] + rest
                rest = []
            case "--daemon":
                // The socket may be left out: what follows is one where it looks like a path.
                if let next = rest.first, next.contains("/"), !next.hasPrefix("-") {
                    socket = rest.removeFirst()
                } else {
                    socket = DaemonConfiguration.standardSocket(environment)
                }
            case "--guest":
                guard let name = rest.popFirst() else {
                    throw CommandError(.usage, "--guest wants a name; /v1/guests of the daemon lists them")
                }
                guest = name
            case _ where word.hasPrefix("--daemon="): socket = String(word.dropFirst(9))
            case _ where word.hasPrefix("--guest="): guest = String(word.dropFirst(8))
            default: words.append(word)
            }
        }
        guard let socket else { return nil }
        guard let guest, GuestConfiguration.isName(guest) else {
            throw CommandError(.usage, "--daemon wants the guest's name too: --guest ID")
        }
        (self.socket, self.guest, self.words) = (socket, guest, words)
    }

    /// Lets the daemon run the command, and prints what it printed.
    ///
    /// - Returns: The exit status.
    func run() throws -> Int32 {
        let terminal = Terminal(descriptor: 1, colour: .auto)
        let isTerminal = isatty(1) == 1
        var environment: [(String, JSONValue)] = []
        for (name, value) in ProcessEnvironment.current() where ProcessEnvironment.terminalNames.contains(name) {
            environment.append((name, .string(value)))
        }
        let answer = try DaemonClient(socket: socket).post(
            "/v1/guests/\(guest)/command",
            .object([
                ("arguments", .array(words.map { .string($0) })),
                ("columns", .number(terminal.style.width.map { UInt64(max(0, $0)) })), ("terminal", .bool(isTerminal)),
                ("environment", .object(environment)),
            ]))
        guard let status = answer["status"] as? Int, let text = answer["text"] as? String,
            let errors = answer["errors"] as? String
        else {
            throw CommandError(
                .unreachable, "the daemon at \(socket) is of another version of inspectd; use those of one release")
        }
        // Errors come last; what is before them is output.
        let output = text.hasSuffix(errors) ? String(text.dropLast(errors.count)) : text
        let writer = OutputWriter()
        try writer.write(output)
        try writer.flush()
        _ = errors.withCString { write(2, $0, strlen($0)) }
        return Int32(clamping: status)
    }
}
