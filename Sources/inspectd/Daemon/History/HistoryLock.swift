import Glibc

/// Makes sure that one daemon writes a history: a lock on a file beside it, which ends with the process.
final class HistoryLock: Sendable {
    private let descriptor: Int32

    /// Takes the lock of the history at a path.
    init(_ path: String) throws(HistoryError) {
        let name = path + ".lock"
        let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HistoryError("opened", path, errno: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let problem = errno
            let owner = Self.owner(descriptor)
            close(descriptor)
            guard problem == EWOULDBLOCK else { throw HistoryError("locked", path, errno: problem) }
            throw HistoryError(
                .inUse,
                "another inspectd\(owner) writes the history \(path); stop it, or name another path for one of the two")
        }
        // Who holds it is a help for people, not part of the lock: it may fail.
        let text = "\(getpid())\n"
        if ftruncate(descriptor, 0) == 0 { _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) } }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func owner(_ descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        guard count > 0, let pid = Int32(String(decoding: buffer[0..<count], as: UTF8.self).trimmingWhitespace) else {
            return ""
        }
        return " (process \(pid))"
    }
}
