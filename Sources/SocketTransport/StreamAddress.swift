/// Where a server listens: a UNIX socket or a TCP port.
public enum StreamAddress: Hashable, Sendable, CustomStringConvertible {
    /// A UNIX socket by its path.
    case unix(path: String)
    /// A TCP port of a host name or a numeric address.
    case tcp(host: String, port: Int)

    /// Reads an address as people write it.
    ///
    /// Understood are `PATH`, `unix:PATH`, `HOST:PORT`, `[::1]:PORT` and `tcp:HOST:PORT`. Text with a slash, or without
    /// a number behind its last colon, is a path.
    /// - Throws: ``TransportError`` with code `.usage`.
    public init(_ text: String) throws(TransportError) {
        if text.hasPrefix("unix:") {
            self = .unix(path: try Self.checkedPath(String(text.dropFirst(5)), in: text))
        } else if text.hasPrefix("tcp:") {
            self = try Self.parseTCP(text.dropFirst(4), in: text)
        } else if text.contains("/") {
            self = .unix(path: try Self.checkedPath(text, in: text))
        } else if let colon = text.lastIndex(of: ":"), Self.isNumber(text[text.index(after: colon)...]) {
            self = try Self.parseTCP(text[...], in: text)
        } else {
            self = .unix(path: try Self.checkedPath(text, in: text))
        }
    }

    /// The path, or `HOST:PORT` with an IPv6 address in brackets.
    public var description: String {
        switch self {
        case .unix(let path): path
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// The longest path that fits in a socket address of Linux, in bytes.
    static let longestPath = 107

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    static func checkedPath(_ path: String, in text: String) throws(TransportError) -> String {
        guard !path.isEmpty else {
            throw TransportError(.usage, "\"\(text)\" names no socket; give the socket's path or HOST:PORT")
        }
        guard !path.utf8.contains(0) else {
            throw TransportError(
                .usage, "a socket's path cannot hold a NUL byte; give the path that QEMU was started with")
        }
        guard path.utf8.count <= longestPath else {
            throw TransportError(
                .usage,
                "the socket's path \(path) is longer than \(longestPath) bytes, which is all that Linux allows; use a "
                    + "shorter or a relative path")
        }
        return path
    }

    private static func parseTCP(_ rest: Substring, in text: String) throws(TransportError) -> StreamAddress {
        guard let colon = rest.lastIndex(of: ":") else {
            throw TransportError(.usage, "\"\(text)\" has no port; write HOST:PORT")
        }
        let digits = rest[rest.index(after: colon)...]
        guard isNumber(digits), let port = Int(digits), (1...65535).contains(port) else {
            throw TransportError(.usage, "\"\(digits)\" in \"\(text)\" is not a TCP port; ports are 1 to 65535")
        }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw TransportError(.usage, "\"\(text)\" is ambiguous; put an IPv6 address in brackets, as in [::1]:4444")
        }
        guard !host.isEmpty, !host.utf8.contains(0) else {
            throw TransportError(.usage, "\"\(text)\" names no host; write HOST:PORT, as in 127.0.0.1:4444")
        }
        return .tcp(host: String(host), port: port)
    }
}
