import FrameInspect
import Yams

/// The keys of a mapping; one that is not known is an error.
struct Fields {
    private let values: [String: Node]
    private let what: String

    init(_ node: Node, _ what: String, _ known: [String]) throws(CommandError) {
        guard let mapping = node.mapping else {
            throw CommandError(.usage, "\(what)\(ConfigurationReader.place(node)) must be KEY: VALUE, one in each line")
        }
        var values: [String: Node] = [:]
        for (key, value) in mapping {
            let name = key.scalar?.string ?? ""
            guard known.contains(name) else {
                let hint =
                    Suggestion.closest(to: name, among: known).map { "did you mean \($0)?" }
                    ?? "there are: \(known.joined(separator: ", "))"
                throw CommandError(.usage, "\(what) has no key '\(name)'\(ConfigurationReader.place(key)); \(hint)")
            }
            values[name] = value
        }
        self.values = values
        self.what = what
    }

    /// The value of a key; nil where it is not there or empty.
    subscript(name: String) -> Node? {
        guard let node = values[name] else { return nil }
        return node.null != nil ? nil : node
    }

    /// Text.
    func text(_ name: String) throws(CommandError) -> String? {
        guard let node = self[name] else { return nil }
        guard let text = node.scalar?.string, !text.isEmpty else { throw wrong(name, node, "text") }
        return text
    }

    /// A socket's path or HOST:PORT.
    func endpoint(_ name: String) throws(CommandError) -> Endpoint? {
        guard let text = try text(name) else { return nil }
        guard let endpoint = Endpoint(text) else {
            throw CommandError(.usage, "\(name) is '\(text)', which is neither a socket's path nor HOST:PORT")
        }
        return endpoint
    }

    /// A duration of at most a day.
    func duration(_ name: String) throws(CommandError) -> Duration? {
        guard let text = try text(name) else { return nil }
        guard let duration = DurationText.parse(text) else {
            throw CommandError(
                .usage, "\(name) is '\(text)', which is no duration; write for example 500ms, 2s or 5min")
        }
        return duration
    }

    /// A duration in days, hours or less.
    func days(_ name: String) throws(CommandError) -> Duration? {
        guard let text = try text(name), text.hasSuffix("d") else { return try duration(name) }
        guard let days = Int(text.dropLast()), (1...3650).contains(days) else {
            throw CommandError(.usage, "\(name) is '\(text)'; write for example 7d, 1 to 3650 days")
        }
        return .seconds(days * 86_400)
    }

    /// A number of bytes.
    func size(_ name: String) throws(CommandError) -> Int? {
        guard let text = try text(name) else { return nil }
        guard let number = NumberText.parse(text), let size = Int(exactly: number) else {
            throw CommandError(.usage, "\(name) is '\(text)', which is no number of bytes; write for example 64M")
        }
        return size
    }

    /// One of some names.
    func choice<Choice: CaseIterable & RawRepresentable>(
        _ name: String, _ standard: Choice
    ) throws(CommandError) -> Choice where Choice.RawValue == String {
        guard let text = try text(name) else { return standard }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw CommandError(.usage, "\(name) is '\(text)'; it must be one of \(names)")
        }
        return choice
    }

    private func wrong(_ name: String, _ node: Node, _ kind: String) -> CommandError {
        CommandError(.usage, "\(name) of \(what)\(ConfigurationReader.place(node)) must be \(kind)")
    }
}
