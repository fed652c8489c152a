import FrameInspect
import Yams

/// Reads the daemon's configuration from YAML; a typo is an error that says what may have been meant.
struct ConfigurationReader {
    /// Files beyond this are no configuration.
    static let maximumBytes = 1 << 20
    private static let maximumGuests = 1000

    private let environment: [String: String]

    init(environment: [String: String]) { self.environment = environment }

    /// Reads a file.
    func configuration(file path: String) throws -> DaemonConfiguration {
        let bytes = try InputFile.bytes(path, what: "configuration", limit: Self.maximumBytes)
        guard bytes.count <= Self.maximumBytes else {
            throw CommandError(.usage, "\(path) has more than 1 MiB: that is no configuration")
        }
        do {
            return try configuration(text: String(decoding: bytes, as: UTF8.self))
        } catch let error as CommandError {
            throw CommandError(error.status, "\(path): \(error.description)")
        }
    }

    /// Reads text.
    func configuration(text: String) throws -> DaemonConfiguration {
        var result = DaemonConfiguration(environment: environment)
        guard let root = try Self.parse(text) else { return result }
        let fields = try Fields(root, "the configuration", ["socket", "listen", "tokenFile", "history", "guests"])
        if let path = try fields.text("socket") { result.socket = path }
        if let text = try fields.text("listen") {
            guard let token = try fields.text("tokenFile") else {
                throw CommandError(
                    .usage, "listen needs a tokenFile, a file of mode 0600 with the token that clients must show")
            }
            result.listener = try Self.listener(text, token)
        } else if try fields.text("tokenFile") != nil {
            throw CommandError(.usage, "tokenFile is of no use without listen: the socket needs no token")
        }
        if let node = fields["history"] { result.history = try history(node, result.history) }
        if let node = fields["guests"] {
            guard let list = node.sequence else {
                throw CommandError(
                    .usage, "guests\(Self.place(node)) must be a list: begin each guest with '- id: NAME'")
            }
            guard list.count <= Self.maximumGuests else {
                throw CommandError(
                    .usage, "\(list.count) guests are more than one daemon watches (\(Self.maximumGuests))")
            }
            var names: Set<String> = []
            for node in list {
                let guest = try guest(node)
                guard names.insert(guest.id).inserted else {
                    throw CommandError(
                        .usage, "two guests are called \(guest.id)\(Self.place(node)); names must differ")
                }
                result.guests.append(guest)
            }
        }
        return result
    }

    /// Reads YAML or JSON; nil where there is nothing.
    static func parse(_ text: String) throws(CommandError) -> Node? {
        do {
            let node = try compose(yaml: text)
            return node?.null == nil ? node : nil
        } catch {
            let lines = "\(error)".split(separator: "\n").map(String.init)
            throw CommandError(.usage, "this is not YAML: \(lines.joined(separator: " "))")
        }
    }

    static func place(_ node: Node) -> String { node.mark.map { " in line \($0.line)" } ?? "" }

    /// A TCP listener with its token.
    func listener(_ text: String?, _ tokenFile: String?) throws(CommandError) -> DaemonConfiguration.Listener {
        guard let text, let tokenFile else {
            throw CommandError(
                .usage, "--listen and --token-file belong together: a listener without a token is open to everybody")
        }
        return try Self.listener(text, tokenFile)
    }

    private static func listener(_ text: String, _ tokenFile: String) throws(CommandError)
        -> DaemonConfiguration.Listener
    {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { throw CommandError(.usage, "listen is '\(text)'; write for example 127.0.0.1:7070") }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" || host.isEmpty { host = "127.0.0.1" }
        guard host.hasPrefix("127.") || host == "::1" else {
            throw CommandError(
                .usage,
                "listen is '\(text)', which other machines could reach: this daemon speaks no TLS and listens on 127.0.0.1 "
                    + "only; use ssh -L or a proxy with TLS in front of it")
        }
        return DaemonConfiguration.Listener(host: host, port: port, tokenFile: tokenFile)
    }

    private func history(
        _ node: Node, _ standard: DaemonConfiguration.History?
    ) throws(CommandError) -> DaemonConfiguration.History? {
        if node.scalar?.string == "off" || node.bool == false { return nil }
        let fields = try Fields(node, "history", ["path", "retention", "total", "maximumBytes"])
        guard let path = try fields.text("path") ?? standard?.path else {
            throw CommandError(.usage, "history needs a path: neither XDG_STATE_HOME nor HOME is set")
        }
        var result = DaemonConfiguration.History(path: path)
        if let value = try fields.days("retention") { result.retention = value }
        if let value = try fields.days("total") { result.total = value }
        guard result.total >= result.retention else {
            throw CommandError(
                .usage, "history: total is shorter than retention; thinned samples live at least as long")
        }
        if let value = try fields.size("maximumBytes") {
            guard value >= 1 << 20 else {
                throw CommandError(.usage, "history: maximumBytes is less than 1M, which holds nothing")
            }
            result.maximumBytes = value
        }
        return result
    }

    /// Reads one guest.
    func guest(_ node: Node) throws(CommandError) -> GuestConfiguration {
        let fields = try Fields(
            node, "a guest",
            [
                "id", "qmp", "gdb", "kernel", "profile", "slide", "anchors", "memory", "consistency", "timeout",
                "interval",
                "rules", "failOn", "recordBytes",
            ])
        guard let id = try fields.text("id") else {
            throw CommandError(.usage, "a guest\(Self.place(node)) has no id; give it a name")
        }
        guard GuestConfiguration.isName(id) else {
            throw CommandError(
                .usage,
                "the guest id '\(id)'\(Self.place(node)) is no name: use 1 to 64 letters, digits, '.', '_' and '-'")
        }
        var result = GuestConfiguration(id: id)
        result.target.qmp = try fields.endpoint("qmp")
        result.target.gdb = try fields.endpoint("gdb")
        guard result.target.qmp != nil || result.target.gdb != nil else {
            throw CommandError(
                .usage, "the guest \(id)\(Self.place(node)) has neither qmp nor gdb: it cannot be reached")
        }
        result.target.kernel = try fields.text("kernel")
        if let profile = try fields.text("profile") { result.target.profile = profile }
        if let text = try fields.text("slide") {
            guard let slide = NumberText.parseSigned(text) else {
                throw CommandError(.usage, "slide of \(id) is '\(text)', which is not a number of bytes")
            }
            result.target.slide = slide
        }
        if let node = fields["anchors"] { result.target.anchors = try Self.anchors(node, id) }
        result.target.memory = try fields.choice("memory", result.target.memory)
        result.target.consistency = try fields.choice("consistency", result.target.consistency)
        if let timeout = try fields.duration("timeout") { result.target.timeout = timeout.inSeconds }
        if let interval = try fields.duration("interval") {
            guard GuestConfiguration.intervals.contains(interval) else {
                throw CommandError(.usage, "interval of \(id) is out of range: 50ms to 24h make sense")
            }
            result.interval = interval
        }
        if let node = fields["rules"] { result.rules = try Self.rules(node, id) }
        result.failOn = try fields.choice("failOn", result.failOn)
        if let bytes = try fields.size("recordBytes") {
            guard (1 << 16...4 << 30).contains(bytes) else {
                throw CommandError(.usage, "recordBytes of \(id) is out of range: 64K to 4G make sense")
            }
            result.recordBytes = bytes
        }
        return result
    }

    private static func anchors(_ node: Node, _ id: String) throws(CommandError) -> [AnchorArgument] {
        guard let mapping = node.mapping else {
            throw CommandError(.usage, "anchors of \(id)\(place(node)) must be NAME: ADDRESS, one in each line")
        }
        var result: [AnchorArgument] = []
        for (key, value) in mapping {
            guard let name = key.scalar?.string, let text = value.scalar?.string,
                let anchor = AnchorArgument(argument: "\(name)=\(text)")
            else {
                throw CommandError(.usage, "an anchor of \(id)\(place(key)) has no address, like 0xffffffff80200000")
            }
            result.append(anchor)
        }
        return result
    }

    private static func rules(_ node: Node, _ id: String) throws(CommandError) -> Set<RuleIdentifier> {
        guard let list = node.sequence else {
            throw CommandError(
                .usage, "rules of \(id)\(place(node)) must be a list of rules; 'inspectd explain' lists them")
        }
        var result: Set<RuleIdentifier> = []
        for node in list {
            let text = node.scalar?.string ?? ""
            guard let rule = RuleIdentifier(rawValue: text) else {
                let names = RuleIdentifier.allCases.map(\.rawValue)
                let hint = Suggestion.closest(to: text, among: names).map { "; did you mean \($0)?" } ?? ""
                throw CommandError(.usage, "there is no rule '\(text)'\(place(node))\(hint)")
            }
            result.insert(rule)
        }
        return result
    }
}

extension Duration {
    /// As a number of seconds.
    var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
