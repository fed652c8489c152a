import Foundation
import GuestTesting
import SocketTransport
import Synchronization

/// A stub on a UNIX socket that does what its script says, one connection after the other.
final class ScriptedStub: Sendable {
    let address: StreamAddress
    private let directory: TemporaryDirectory
    private let listener: CInt
    private let open = Mutex<[PeerConnection]>([])

    /// - Parameter script: Runs for every connection on a thread of its own; the connection ends with it.
    init(_ script: @escaping @Sendable (PeerConnection) -> Void) throws {
        directory = try TemporaryDirectory(prefix: "stub")
        let path = directory.file("gdb.sock")
        address = .unix(path: path)
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(listener, 8) == 0 else {
            throw TestProcessError("cannot listen on \(path): \(String(cString: strerror(errno)))")
        }
        self.listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                let connection = PeerConnection(descriptor)
                self?.open.withLock { $0.append(connection) }
                script(connection)
                connection.finish()
            }
            close(listener)
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in open.withLock({ $0 }) { connection.hangUp() }
    }
}
