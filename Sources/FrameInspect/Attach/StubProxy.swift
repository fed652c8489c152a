internal import GDBRemote
internal import GuestMemory
internal import SocketTransport

/// What a proxy says of the stub behind it and of our place at it; a stub itself says nothing of the kind.
struct StubProxy: Hashable, Sendable {
    /// QEMU's process; nil where the proxy does not know it.
    var process: Int32?
    /// Whether another debugger controls the guest, and we only look.
    var isWatched = false
    /// Whether the guest runs for that debugger.
    var isRunning = false

    /// Reads the answer to `qinspectd.Proxy`; nil for a stub's.
    init?(_ text: String) {
        var fields: [Substring: Substring] = [:]
        for field in text.split(separator: ";") {
            let pair = field.split(separator: ":", maxSplits: 1)
            if pair.count == 2 { fields[pair[0]] = pair[1] }
        }
        guard let role = fields["role"] else { return nil }
        isWatched = role == "watcher"
        isRunning = fields["guest"] != "stopped"
        process = fields["process"].flatMap { Int32($0, radix: 16) }.flatMap { $0 > 0 ? $0 : nil }
    }

    /// Asks the other side what it is.
    static func ask(_ gdb: GDBClient) async -> StubProxy? {
        (try? await gdb.request("qinspectd.Proxy", timeout: .seconds(5))).flatMap { StubProxy($0) }
    }

    /// Whether a proxy of this machine listens at an address, so that it takes several clients.
    ///
    /// Only command lines are read.
    static func listens(at address: GDBAddress) -> Bool {
        guard case .unix(let path) = address else { return false }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return HostProcess.all(mentioning: name).contains { process in
            guard let verb = process.arguments.firstIndex(of: "gdb-proxy") else { return false }
            return process.arguments[verb...].contains { $0.hasSuffix(name) && !$0.hasPrefix("--gdb") }
        }
    }
}
