internal import Glibc
internal import NIOPosix

/// Connects sockets off the cooperative pool, with a limit on every wait.
public enum SocketConnector {
    /// A connected, non-blocking socket; the caller closes it.
    ///
    /// A cancelled caller gets its error at once, and a connection that comes about later is closed.
    /// - Throws: ``TransportError``.
    public static func connect(to address: StreamAddress, timeout: Duration) async throws(TransportError) -> CInt {
        let limit = milliseconds(timeout)
        let opened = OneShot<CInt, TransportError>()
        NIOThreadPool.singleton.submit { state in
            guard state == .active else {
                opened.resolve(
                    .failure(TransportError(.system, "the connection to \(address) was given up: no threads are left")))
                return
            }
            guard !opened.isResolved else { return }
            do throws(TransportError) {
                let descriptor = try connectNow(address, limit)
                if !opened.resolve(.success(descriptor)) { close(descriptor) }
            } catch {
                opened.resolve(.failure(error))
            }
        }
        return try await withTaskCancellationHandler {
            await opened.value()
        } onCancel: {
            opened.resolve(.failure(TransportError(.cancelled, "the connection to \(address) was cancelled")))
        }.get()
    }

    /// Whole milliseconds of a duration, from 1 to a day.
    public static func milliseconds(_ duration: Duration) -> Int32 {
        let (seconds, attoseconds) = duration.components
        let total = min(max(seconds, 0), 86_400) * 1000 + attoseconds / 1_000_000_000_000_000
        return Int32(min(max(total, 1), 86_400_000))
    }

    private static func connectNow(_ address: StreamAddress, _ timeout: Int32) throws(TransportError) -> CInt {
        switch address {
        case .unix(let path): return try connectUNIX(path, address)
        case .tcp(let host, let port): return try connectTCP(host, port, address, timeout)
        }
    }

    private static func connectUNIX(_ path: String, _ address: StreamAddress) throws(TransportError) -> CInt {
        let descriptor = try open(AF_UNIX)
        var target = sockaddr_un()
        target.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count <= StreamAddress.longestPath else {
            close(descriptor)
            throw TransportError(.usage, "the socket's path \(path) is too long")
        }
        withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let problem = errno
            close(descriptor)
            throw failure(problem, address)
        }
        return descriptor
    }

    private static func connectTCP(
        _ host: String, _ port: Int, _ address: StreamAddress, _ timeout: Int32
    ) throws(TransportError) -> CInt {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0, let list else {
            throw TransportError(
                .usage, "the host \(host) is not known (\(String(cString: gai_strerror(status)))); write it as a number"
            )
        }
        defer { freeaddrinfo(list) }
        var problem = ECONNREFUSED
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let candidate = next?.pointee {
            next = candidate.ai_next
            let descriptor = try open(candidate.ai_family)
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            if Glibc.connect(descriptor, candidate.ai_addr, candidate.ai_addrlen) == 0 { return descriptor }
            problem = errno
            if problem == EINPROGRESS {
                problem = outcome(descriptor, timeout)
                if problem == 0 { return descriptor }
            }
            close(descriptor)
        }
        throw failure(problem, address)
    }

    private static func outcome(_ descriptor: CInt, _ timeout: Int32) -> Int32 {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&waiting, 1, timeout) > 0 else { return ETIMEDOUT }
        var problem: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &length) == 0 else { return errno }
        return problem
    }

    private static func open(_ family: Int32) throws(TransportError) -> CInt {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else {
            throw TransportError(.system, "no socket could be opened: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }

    private static func failure(_ problem: Int32, _ address: StreamAddress) -> TransportError {
        let reason = String(cString: strerror(problem))
        switch problem {
        case ENOENT, ENOTDIR:
            return TransportError(
                .noSuchSocket, "there is no socket at \(address); 'inspectd targets' lists the guests of this machine")
        case ECONNREFUSED:
            return TransportError(
                .refused,
                "nobody listens at \(address): QEMU has ended, or listens elsewhere ('inspectd targets' lists it)")
        case ENOTSOCK, EPROTOTYPE: return TransportError(.refused, "\(address) is not a stream socket")
        case EACCES, EPERM:
            return TransportError(
                .permission,
                "uid \(geteuid()) may not connect to \(address); run as the user that QEMU runs as, or as root")
        case EAGAIN:
            return TransportError(
                .busy, "\(address) takes no more connections: another client holds it; close that one or add a socket")
        case ETIMEDOUT: return TransportError(.timeout, "\(address) did not answer in time; is the host reachable?")
        default: return TransportError(.system, "the connection to \(address) failed: \(reason)")
        }
    }
}
