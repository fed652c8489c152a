import FrameInspect
import HTTPTypes
import Yams

/// A command of the program that a client lets the daemon run on a guest: it prints what it would have printed at the client's.
struct GuestCommand: Sendable {
    /// The commands that look at a guest and only print.
    static let names: Set = ["summary", "dump", "frame", "vtables", "map", "audit", "hooks", "pins", "owner"]
    /// Options that read or write files of the daemon's, or say how to attach, which the daemon has done.
    private static let refused: Set = [
        "--qmp", "--gdb", "--core", "--kernel", "--profile", "--slide", "--anchor", "--memory", "--consistency",
        "--timeout", "--svg", "--baseline", "--write-baseline",
    ]

    private let words: [String]
    private let width: Int?
    private let isTerminal: Bool
    private let environment: [String: String]

    /// Reads what a client sent.
    init(_ node: Node) throws {
        let fields = try Fields(node, "the command", ["arguments", "columns", "terminal", "environment"])
        guard let list = fields["arguments"]?.sequence, !list.isEmpty, list.count <= 100 else {
            throw Problem(.badRequest, "arguments must be a list of words, like [\"frame\", \"0x1000\"]")
        }
        words = try list.map { node in
            guard let word = node.scalar?.string else { throw Problem(.badRequest, "every argument must be text") }
            return word
        }
        guard let verb = words.first, Self.names.contains(verb) else {
            let names = Self.names.sorted().joined(separator: ", ")
            throw Problem(.badRequest, "the daemon runs no '\(words.first ?? "")'; it runs \(names)")
        }
        for word in words {
            let name = String(word.prefix { $0 != "=" })
            guard !Self.refused.contains(name) else {
                throw Problem(
                    .badRequest,
                    "\(name) is not for a daemon, which has attached the guest and reads no files for others")
            }
        }
        let columns = try fields.size("columns")
        width = columns.flatMap { (20...10_000).contains($0) ? $0 : nil }
        isTerminal = fields["terminal"]?.bool ?? false
        var environment: [String: String] = [:]
        for (key, value) in fields["environment"]?.mapping ?? [:] {
            guard let name = key.scalar?.string, ProcessEnvironment.terminalNames.contains(name) else { continue }
            environment[name] = value.scalar?.string
        }
        self.environment = environment
    }

    /// Runs it between two looks.
    func run(on watcher: GuestWatcher) async throws -> JSONValue {
        let environment = watcher.configuration.target.environment.merging(environment) { $1 }
        let answer = try await watcher.attached { inspector in
            await CommandAnswer.run(
                words,
                within: CommandCapture(
                    environment: environment, width: width, isTerminal: isTerminal, inspector: inspector, show: { _ in }
                ))
        }
        return .object([
            ("status", .signed(Int64(answer.status))), ("text", .string(answer.text)),
            ("errors", .string(answer.errors)),
        ])
    }
}
