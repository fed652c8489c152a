internal import SocketTransport

/// Why a QMP connection or command failed: a code for programs, a sentence for people, the cause.
public struct QMPError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable, CustomStringConvertible {
        /// There is no socket of this path, or no host of this name.
        case noSuchSocket
        /// The address exists, but nothing listens there.
        case refused
        /// The operating system forbids the connection.
        case permission
        /// Something else than a QMP server answered.
        case notQMP
        /// Connected, but no greeting came: another client holds the monitor.
        case busy
        /// No answer in time.
        case timeout
        /// The connection ended, or was closed before the call.
        case disconnected
        /// The server's answer does not have the promised form.
        case malformed
        /// The server refused a command, with its error class.
        ///
        /// Text errors of the human monitor carry the class `HumanMonitor`.
        case command(class: String)
        /// The calling task was cancelled.
        case cancelled
        /// The caller's arguments make no sense.
        case usage
        /// A system call failed for another reason.
        case system

        /// Stable name of the code.
        public var description: String {
            switch self {
            case .noSuchSocket: "noSuchSocket"
            case .refused: "refused"
            case .permission: "permission"
            case .notQMP: "notQMP"
            case .busy: "busy"
            case .timeout: "timeout"
            case .disconnected: "disconnected"
            case .malformed: "malformed"
            case .command(let errorClass): "command(\(errorClass))"
            case .cancelled: "cancelled"
            case .usage: "usage"
            case .system: "system"
            }
        }
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what happened, where, and what to do next.
    public var message: String
    /// What lies underneath.
    public var cause: (any Error)?

    /// An error of the given kind.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The sentence.
    public var description: String { message }
}

extension QMPError {
    init(_ error: TransportError) {
        let code: Code =
            switch error.code {
            case .noSuchSocket: .noSuchSocket
            case .refused: .refused
            case .permission: .permission
            case .busy: .busy
            case .timeout: .timeout
            case .cancelled: .cancelled
            case .usage: .usage
            case .system: .system
            }
        self.init(code, error.message, cause: error)
    }

    static func disconnected(from address: QMPAddress) -> QMPError {
        QMPError(.disconnected, "the QMP connection to \(address) is closed; connect again")
    }

    static func cancelled(_ subject: String) -> QMPError {
        QMPError(.cancelled, "the wait for \(subject) was cancelled; a command that was sent may still take effect")
    }

    /// The class of errors that the human monitor reports as ordinary text.
    static let humanMonitorClass = "HumanMonitor"

    static func malformedLine(_ line: Substring, of command: String, because reason: String) -> QMPError {
        QMPError(
            .malformed,
            "the monitor's reply to `\(command)` has a line that \(reason): \"\(Excerpt.of(line))\"; "
                + "this version of QEMU may print another format")
    }
}
