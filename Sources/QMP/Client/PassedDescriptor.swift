internal import Glibc

/// A duplicate of a caller's descriptor, kept until it is sent and closed with its last reference.
final class PassedDescriptor: Sendable {
    private let descriptor: CInt

    /// - Throws: ``QMPError`` with code `.usage` for a number that is no open descriptor, else `.system`.
    init(duplicating original: CInt) throws(QMPError) {
        descriptor = fcntl(original, F_DUPFD_CLOEXEC, 3)
        guard descriptor >= 0 else {
            let code = errno
            throw QMPError(
                code == EBADF ? .usage : .system,
                "descriptor \(original) cannot be passed to QEMU: \(String(cString: strerror(code)))")
        }
    }

    deinit { _ = close(descriptor) }

    /// Sends bytes with the descriptor attached (`SCM_RIGHTS`).
    ///
    /// - Returns: How many bytes the socket took, at least one; or the `errno` that stopped it.
    func send(_ bytes: [UInt8], on socket: CInt) -> (sent: Int, code: CInt) {
        // A control message: 8 bytes of length, level and type of 4 bytes each, then the descriptor.
        var control = [UInt64](repeating: 0, count: 3)
        return control.withUnsafeMutableBytes { control in
            control.storeBytes(of: 20, toByteOffset: 0, as: Int.self)
            control.storeBytes(of: CInt(SOL_SOCKET), toByteOffset: 8, as: CInt.self)
            control.storeBytes(of: CInt(truncatingIfNeeded: Glibc.SCM_RIGHTS), toByteOffset: 12, as: CInt.self)
            control.storeBytes(of: descriptor, toByteOffset: 16, as: CInt.self)
            return bytes.withUnsafeBytes { bytes in
                var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    message.msg_iov = part
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    while true {
                        let sent = sendmsg(
                            socket, &message,
                            CInt(truncatingIfNeeded: MSG_NOSIGNAL) | CInt(truncatingIfNeeded: MSG_DONTWAIT))
                        if sent >= 0 { return (sent, 0) }
                        if errno != EINTR { return (-1, errno) }
                    }
                }
            }
        }
    }
}
