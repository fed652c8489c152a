internal import Dispatch
internal import Glibc
internal import Synchronization

/// A socket that takes connections, of this machine only.
public final class SocketListener: Sendable {
    /// Where it listens.
    public let address: StreamAddress
    /// Cancelling is safe from any thread.
    nonisolated(unsafe) private let source: any DispatchSourceRead
    private let file: FileIdentity?
    private let isOpen = Mutex(true)

    /// Listens, and hands every connection to `accept`, which owns the descriptor: non-blocking, closed on exec.
    ///
    /// A UNIX socket is for this user only; one that a dead process left behind is replaced.
    /// - Throws: ``TransportError``; `.busy` where somebody listens there, `.usage` for hosts other than this one.
    public init(
        _ address: StreamAddress, accept: @escaping @Sendable (CInt) -> Void
    ) throws(TransportError) {
        let descriptor: CInt
        switch address {
        case .unix(let path):
            descriptor = try SocketListener.openUNIX(path)
            file = FileIdentity(path: path)
        case .tcp(let host, let port):
            descriptor = try SocketListener.openTCP(host, port, address)
            file = nil
        }
        self.address = address
        let source = DispatchSource.makeReadSource(
            fileDescriptor: descriptor, queue: DispatchQueue(label: "inspectd.listener"))
        source.setEventHandler {
            while true {
                let connection = Glibc.accept(descriptor, nil, nil)
                guard connection >= 0 else {
                    // Out of descriptors: the connection waits, and this must not spin meanwhile.
                    if errno == EMFILE || errno == ENFILE { usleep(100_000) }
                    return
                }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                _ = fcntl(connection, F_SETFL, O_NONBLOCK)
                var on: Int32 = 1
                setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                accept(connection)
            }
        }
        source.setCancelHandler { _ = Glibc.close(descriptor) }
        source.activate()
        self.source = source
    }

    deinit { close() }

    /// Takes no more connections, and removes the socket's file if it is still ours.
    public func close() {
        let isFirst = isOpen.withLock { isOpen in
            defer { isOpen = false }
            return isOpen
        }
        guard isFirst else { return }
        if case .unix(let path) = address, let file, FileIdentity(path: path) == file { unlink(path) }
        source.cancel()
    }

    // MARK: Opening

    private static func openUNIX(_ path: String) throws(TransportError) -> CInt {
        let path = try StreamAddress.checkedPath(path, in: path)
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFSOCK else {
                throw TransportError(.usage, "\(path) exists and is no socket; choose another path")
            }
            guard isDead(path) else {
                throw TransportError(.busy, "\(path) is in use: somebody listens there; choose another path")
            }
            unlink(path)
        }
        let descriptor = try open(AF_UNIX)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: path.utf8) }
        // The file is never there with more rights than it shall have.
        let mask = umask(0o177)
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        let problem = errno
        umask(mask)
        return try listening(descriptor, result == 0 ? 0 : problem, path)
    }

    /// Whether nobody listens at a socket's file.
    private static func isDead(_ path: String) -> Bool {
        guard let descriptor = try? open(AF_UNIX) else { return false }
        defer { Glibc.close(descriptor) }
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result != 0 && errno == ECONNREFUSED
    }

    private static func openTCP(_ host: String, _ port: Int, _ address: StreamAddress) throws(TransportError) -> CInt {
        guard let port = in_port_t(exactly: port) else {
            throw TransportError(.usage, "\(port) is not a TCP port; ports are 1 to 65535")
        }
        let host = host == "localhost" ? "127.0.0.1" : host
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, host, &four.sin_addr) == 1, UInt32(bigEndian: four.sin_addr.s_addr) >> 24 == 127 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            return try openTCP(AF_INET, &four, address)
        }
        if host == "::1", inet_pton(AF_INET6, host, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            return try openTCP(AF_INET6, &six, address)
        }
        throw TransportError(
            .usage,
            "\(address) can be reached from other machines, and whoever connects controls the guest: use 127.0.0.1, [::1] or "
                + "a UNIX socket, and ssh -L for another machine")
    }

    private static func openTCP<Address>(
        _ family: Int32, _ target: inout Address, _ address: StreamAddress
    ) throws(TransportError) -> CInt {
        let descriptor = try open(family)
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        return try listening(descriptor, result == 0 ? 0 : errno, address.description)
    }

    private static func listening(_ descriptor: CInt, _ problem: Int32, _ name: String) throws(TransportError) -> CInt {
        var problem = problem
        if problem == 0, listen(descriptor, 64) != 0 { problem = errno }
        guard problem != 0 else { return descriptor }
        Glibc.close(descriptor)
        switch problem {
        case EADDRINUSE:
            throw TransportError(.busy, "\(name) is in use: somebody listens there; choose another port")
        case EACCES, EPERM: throw TransportError(.permission, "uid \(geteuid()) may not listen at \(name)")
        case ENOENT, ENOTDIR:
            throw TransportError(.noSuchSocket, "the folder of \(name) does not exist; make it, or choose another path")
        default:
            throw TransportError(.system, "cannot listen at \(name): \(String(cString: strerror(problem)))")
        }
    }

    private static func open(_ family: Int32) throws(TransportError) -> CInt {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else {
            throw TransportError(.system, "no socket could be opened: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}

/// Which file a path leads to.
private struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let number: UInt64

    init?(path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }
}
