internal import Glibc
internal import GuestMemory
internal import SocketTransport

extension HostProcess {
    /// The QEMU of this machine that has its GDB stub, and no QMP, at an address; nil where none says so.
    ///
    /// Only command lines are read: the socket is not touched. A stub that was started later is not found.
    static func owningStub(at address: StreamAddress) -> HostProcess? {
        let text: String
        switch address {
        case .unix(let path): text = path.split(separator: "/").last.map(String.init) ?? path
        case .tcp(let host, let port):
            guard isLoopback(host) else { return nil }
            // `-s` is the stub's usual port, unsaid.
            text = port == 1234 ? "-s" : String(port)
        }
        return all(mentioning: text).first { process in
            guard let line = QEMUCommandLine(arguments: process.arguments) else { return false }
            return line.gdb.contains { process.isSame($0, address) }
                && !line.qmp.contains { process.isSame($0, address) }
        }
    }

    /// Whether a socket of the process's command line is the one at `address`.
    private func isSame(_ text: String, _ address: StreamAddress) -> Bool {
        switch (address, try? StreamAddress(text)) {
        case (.tcp(_, let port), .tcp(let host, let other)?):
            // The same port in another network namespace is another one.
            return port == other && (HostProcess.isLoopback(host) || host == "0.0.0.0" || host == "::")
                && HostProcess.identity("/proc/\(pid)/ns/net") == HostProcess.identity("/proc/self/ns/net")
        case (.unix(let path), .unix(let other)?):
            let absolute = other.hasPrefix("/") ? other : (directory ?? "") + "/" + other
            guard let own = HostProcess.identity(path) else { return false }
            return own == (HostProcess.identity("/proc/\(pid)/root" + absolute) ?? HostProcess.identity(absolute))
        default: return false
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    /// Device and inode; nil where the file cannot be seen.
    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }
}
