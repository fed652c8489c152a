internal import Glibc
internal import NIOCore
internal import NIOPosix

extension QMPError {
    static func disconnected(from address: QMPAddress) -> QMPError {
        QMPError(.disconnected, "the QMP connection to \(address) is closed; connect again")
    }

    static func cancelled(_ subject: String) -> QMPError {
        QMPError(.cancelled, "the wait for \(subject) was cancelled; a command that was sent may still take effect")
    }

    /// Why no connection came about.
    static func connecting(to address: QMPAddress, failedWith error: any Error) -> QMPError {
        if let error = error as? QMPError { return error }
        if let error = error as? NIOConnectionError {
            if let single = error.connectionErrors.first {
                return connecting(to: address, failedWith: single.error)
            }
            return QMPError(
                .noSuchSocket, "the host of \(address) has no address; check the name", cause: error)
        }
        if case .connectTimeout? = error as? ChannelError {
            return QMPError(
                .timeout, "\(address) did not accept the connection in time; check host and port", cause: error)
        }
        guard let code = (error as? IOError)?.errnoCode else {
            return QMPError(.system, "the connection to \(address) failed: \(error)", cause: error)
        }
        switch code {
        case ENOENT, ENOTDIR:
            return QMPError(
                .noSuchSocket,
                "there is no socket \(address); check the path, and that QEMU was started with -qmp unix:PATH,server=on,wait=off",
                cause: error)
        case ECONNREFUSED:
            return QMPError(
                .refused,
                "nothing listens on \(address): QEMU has ended, or the address belongs to something else",
                cause: error)
        case EACCES, EPERM:
            return QMPError(
                .permission,
                "this user may not connect to \(address); run as the user that started QEMU, or as root",
                cause: error)
        case EAGAIN:
            return QMPError(
                .busy,
                "\(address) has more clients waiting than it takes: another client holds this monitor; "
                    + "start QEMU with a dedicated -qmp socket for this program",
                cause: error)
        case ETIMEDOUT, EHOSTUNREACH, ENETUNREACH:
            return QMPError(.timeout, "\(address) cannot be reached; check host and network", cause: error)
        case EPROTOTYPE, ENOTSOCK:
            return QMPError(.notQMP, "\(address) is no stream socket; give the path of a -qmp socket", cause: error)
        default:
            return QMPError(
                .system, "the connection to \(address) failed: \(String(cString: strerror(code)))", cause: error)
        }
    }
}
