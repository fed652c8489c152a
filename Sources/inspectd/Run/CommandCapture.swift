import FrameInspect
import Synchronization

/// Where a command that runs within this process, on behalf of somebody else, writes instead of standard output and error.
final class CommandCapture: Sendable {
    /// The capture of the current task; nil for a command of the user's own.
    @TaskLocal static var current: CommandCapture?

    /// The most text that one command may write, in bytes.
    static let limit = 1 << 20

    private struct Written {
        var all = ""
        var errors = ""
    }

    /// What stands for the process's environment.
    let environment: [String: String]
    /// Columns of the place where the text is shown; nil for any number.
    let width: Int?
    /// Whether that place is a terminal.
    let isTerminal: Bool
    /// The guest, where it is attached already; nil for a command that attaches it.
    let inspector: Inspector?
    private let show: @Sendable (String) -> Void
    private let written = Mutex(Written())

    init(
        environment: [String: String], width: Int?, isTerminal: Bool = false, inspector: Inspector? = nil,
        show: @escaping @Sendable (String) -> Void
    ) {
        self.environment = environment
        self.width = width
        self.isTerminal = isTerminal
        self.inspector = inspector
        self.show = show
    }

    /// The look of what is written.
    func terminal(_ colour: ColourChoice) -> Terminal {
        var terminal = Terminal(isTerminal: isTerminal, size: nil, environment: environment, colour: colour)
        terminal.style.width = width
        return terminal
    }

    /// What was written so far, output and errors in their order.
    var text: String { written.withLock { $0.all } }

    /// The part of it that is no output.
    var errors: String { written.withLock { $0.errors } }

    /// Takes output.
    func write(_ bytes: [UInt8]) throws(OutputError) {
        let text = String(decoding: bytes, as: UTF8.self)
        let total = written.withLock { written in
            if written.all.utf8.count <= CommandCapture.limit { written.all += text }
            return written.all.utf8.count
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
        written.withLock { written in
            written.all += text
            written.errors += text
        }
        show(text)
    }
}
