internal import Glibc
internal import SocketTransport

/// A UNIX socket in a folder of its own, which only this process may use.
final class PrivateEndpoint: Sendable {
    /// Where it listens.
    let address: GDBAddress
    private let directory: String
    private let listener: SocketListener

    /// Listens, and hands this process's own connections to `accept`.
    ///
    /// - Throws: ``GDBError``.
    init(accept: @escaping @Sendable (CInt) -> Void) throws(GDBError) {
        let base = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/tmp"
        guard let directory = PrivateEndpoint.makeDirectory(in: base) ?? PrivateEndpoint.makeDirectory(in: "/tmp")
        else {
            throw GDBError(
                .system, "no folder for a socket can be made in \(base) or /tmp: make room or set XDG_RUNTIME_DIR")
        }
        let address = GDBAddress.unix(path: directory + "/stub")
        do {
            listener = try SocketListener(address) { connection in
                guard PeerCredentials(socket: connection)?.pid == getpid() else {
                    _ = Glibc.close(connection)
                    return
                }
                accept(connection)
            }
        } catch {
            rmdir(directory)
            throw GDBError(error)
        }
        self.address = address
        self.directory = directory
    }

    deinit { close() }

    /// Takes no more connections and removes the folder.
    func close() {
        listener.close()
        rmdir(directory)
    }

    private static func makeDirectory(in base: String) -> String? {
        guard base.utf8.count < 70 else { return nil }
        var template = Array((base + "/inspectd-XXXXXX").utf8CString)
        return template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return nil }
            return String(cString: start)
        }
    }
}
