internal import Glibc

/// A directory of this user alone, for a socket.
final class PrivateDirectory: Sendable {
    let path: String

    /// Makes it in `TMPDIR`, or in `/tmp`: paths of sockets must be short.
    init() throws(InspectorError) {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        var template = Array(
            ((base.hasPrefix("/") && base.count < 60 ? base : "/tmp") + "/inspectd-XXXXXX").utf8CString)
        let made = template.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
        }
        guard let made else {
            throw InspectorError(
                .unreachable,
                "no directory for the stub's socket can be made: \(String(cString: strerror(errno))); set TMPDIR")
        }
        path = made
    }

    /// Removes it with what QEMU may have left in it.
    func remove() {
        unlink(path + "/gdb.sock")
        rmdir(path)
    }

    deinit { remove() }
}
