import Foundation
import GuestTesting
import QMP
import SocketTransport
import Synchronization

/// A server on a UNIX socket that does what a test tells it, one client after the other, on a thread of its own.
final class ScriptedServer: Sendable {
    let address: QMPAddress
    private let directory: TemporaryDirectory
    private let listener: CInt
    private let failures = Mutex<[String]>([])

    /// Listens at once; the n-th client gets the n-th script, and later ones wait for ever.
    init(_ scripts: [@Sendable (ScriptedConnection) throws -> Void]) throws {
        directory = try TemporaryDirectory(prefix: "peer")
        let path = directory.file("qmp.sock")
        address = .unix(path: path)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 8) == 0 else {
            throw TestProcessError("cannot listen on \(path): \(String(cString: strerror(errno)))")
        }
        Thread.detachNewThread { [weak self] in
            for script in scripts {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                let connection = ScriptedConnection(descriptor)
                do { try script(connection) } catch { self?.failures.withLock { $0.append("\(error)") } }
                close(descriptor)
            }
        }
    }

    convenience init(_ script: @escaping @Sendable (ScriptedConnection) throws -> Void) throws {
        try self.init([script])
    }

    deinit {
        // Wakes a thread that waits for a client.
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// What went wrong in the scripts.
    var problems: [String] { failures.withLock { $0 } }
}
