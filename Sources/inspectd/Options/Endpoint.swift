/// Where a socket is: a path of the file system, or a host with a port.
enum Endpoint: Sendable, Equatable, CustomStringConvertible {
    case path(String)
    case tcp(host: String, port: Int)

    /// Parses what users type.
    ///
    /// `HOST:PORT` and `:PORT` where the port is a number and there is no slash, otherwise a path; `unix:` and `tcp:`
    /// before it, as QEMU writes them, are understood. Nil where nothing sensible is left.
    init?(_ text: String) {
        var rest = Substring(text)
        let isUnix = rest.hasPrefix("unix:")
        let isTCP = rest.hasPrefix("tcp:")
        if isUnix { rest = rest.dropFirst(5) } else if isTCP { rest = rest.dropFirst(4) }
        if isUnix || isTCP, let comma = rest.firstIndex(of: ",") { rest = rest[..<comma] }
        guard !rest.isEmpty else { return nil }
        if !isUnix, !rest.contains("/"), let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port)
        {
            var host = String(rest[..<colon])
            if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
            self = .tcp(host: host.isEmpty || host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host, port: port)
        } else if isTCP {
            return nil
        } else {
            self = .path(String(rest))
        }
    }

    /// As it is typed behind `--qmp` and `--gdb`.
    var description: String {
        switch self {
        case .path(let path): path
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
