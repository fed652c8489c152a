import Glibc

/// Makes sure that a socket's path can be bound.
enum SocketClaim {
    /// The most bytes of a socket's path.
    static let maximumLength = 107

    /// Takes the path over from a server that is gone; one that lives is left alone.
    static func take(_ path: String) throws(CommandError) {
        guard path.utf8.count <= maximumLength else {
            throw CommandError(
                .usage,
                "the socket's path \(path) has \(path.utf8.count) bytes; the system allows \(maximumLength): choose a shorter one"
            )
        }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            guard errno == ENOENT else { throw failure(path) }
            return try checkDirectory(of: path)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw CommandError(.usage, "\(path) is there and is no socket; choose another path for the daemon's socket")
        }
        guard !isServed(path) else {
            throw CommandError(
                .unreachable,
                "another server, perhaps another inspectd, serves \(path); stop it or choose another socket")
        }
        guard unlink(path) == 0 else { throw failure(path) }
    }

    private static func checkDirectory(of path: String) throws(CommandError) {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard access(directory, W_OK | X_OK) == 0 else {
            throw CommandError(
                .usage,
                "no socket can be made in \(directory): \(String(cString: strerror(errno))); choose another path")
        }
    }

    private static func failure(_ path: String) -> CommandError {
        CommandError(.usage, "\(path) cannot be used for a socket: \(String(cString: strerror(errno)))")
    }

    /// Whether somebody takes connections there.
    private static func isServed(_ path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(maximumLength)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full backlog is a server that is busy.
        return result == 0 || errno == EAGAIN || errno == EINPROGRESS
    }
}
