import Synchronization

/// Where a command that runs within this process, on behalf of somebody else, writes instead of standard output and error.
final class CommandCapture: Sendable {
    /// The capture of the current task; nil for a command of the user's own.
    @TaskLocal static var current: CommandCapture?

    /// The most text that one command may write, in bytes.
    static let limit = 1 << 20

    /// What stands for the process's environment.
    let environment: [String: String]
    /// Columns of the place where the text is shown; nil for any number.
    let width: Int?
    private let show: @Sendable (String) -> Void
    private let written = Mutex("")

    init(environment: [String: String], width: Int?, show: @escaping @Sendable (String) -> Void) {
        self.environment = environment
        self.width = width
        self.show = show
    }

    /// The look of what is written.
    func terminal(_ colour: ColourChoice) -> Terminal {
        var terminal = Terminal(isTerminal: false, size: nil, environment: environment, colour: colour)
        terminal.style.width = width
        return terminal
    }

    /// What was written so far.
    var text: String { written.withLock { $0 } }

    /// Takes output.
    func write(_ bytes: [UInt8]) throws(OutputError) {
        let text = String(decoding: bytes, as: UTF8.self)
        let total = written.withLock { written in
            if written.utf8.count <= CommandCapture.limit { written += text }
            return written.utf8.count
        }
        guard total <= CommandCapture.limit else {
            throw OutputError(
                code: .failed, errno: 0,
                description:
                    "that is more than \(CommandCapture.limit >> 20) MiB of text, so the rest is left out; ask for less, "
                    + "for example with --limit or --where")
        }
        show(text)
    }

    /// Takes text for standard error.
    func writeError(_ text: String) {
        written.withLock { $0 += text }
        show(text)
    }
}
