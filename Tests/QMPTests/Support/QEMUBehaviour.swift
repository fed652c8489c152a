/// How the versions of QEMU differ on the wire; the lines are those that each printed.
enum QEMUBehaviour: String, CaseIterable, Sendable {
    case v7 = "7.2"
    case v10 = "10.0"
    case v11 = "11.1"
    /// No QEMU: a server that offers nothing.
    case plain

    var greeting: String {
        switch self {
        case .v7: Self.greeting(7, 2, 22, "Debian 1:7.2+dfsg-7+deb12u18+b3", ["oob"])
        case .v10: Self.greeting(10, 0, 13, "Debian 1:10.0.13+ds-0+deb13u1", ["oob"])
        case .v11: Self.greeting(11, 1, 3, "Debian 1:11.1.3+ds-1~bpo13+1", ["oob"])
        case .plain: Self.greeting(2, 11, 0, "", [])
        }
    }

    func status(running: Bool) -> String {
        let name = running ? "running" : "paused"
        let old = self == .v7 || self == .plain ? "\"singlestep\": false, " : ""
        return "{\"status\": \"\(name)\", \(old)\"running\": \(running)}"
    }

    /// What an error of the JSON reader looks like; it carries no id.
    var parseError: String {
        let words =
            self == .v11 ? "9:12: JSON parse error, expecting ':'" : "JSON parse error, missing : in object pair"
        return "{\"error\": {\"class\": \"GenericError\", \"desc\": \"\(words)\"}}"
    }

    private static func greeting(
        _ major: Int, _ minor: Int, _ micro: Int, _ package: String, _ capabilities: [String]
    ) -> String {
        "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": \(micro), \"minor\": \(minor), \"major\": \(major)}, "
            + "\"package\": \"\(package)\"}, \"capabilities\": ["
            + capabilities.map { "\"\($0)\"" }.joined(separator: ", ") + "]}}"
    }
}
