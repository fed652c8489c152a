internal import SocketTransport

extension GDBError {
    /// What a failed connection means.
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
}
