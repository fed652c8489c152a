internal import GDBRemote
internal import GuestMemory
internal import KernelImage
internal import QMP

extension InspectorError {
    /// The caller's task was cancelled.
    static let cancelled = InspectorError(.interrupted, "interrupted; the guest is as it was before")

    init(_ error: QMPError) {
        switch error.code {
        case .cancelled: self = .cancelled
        case .usage: self.init(.usage, error.message, cause: error)
        default: self.init(.unreachable, error.message, cause: error)
        }
    }

    init(_ error: GDBError) {
        switch error.code {
        case .cancelled: self = .cancelled
        case .usage: self.init(.usage, error.message, cause: error)
        default: self.init(.unreachable, error.message, cause: error)
        }
    }

    init(_ error: MemoryError) {
        if Task.isCancelled {
            self = .cancelled
            return
        }
        switch error.code {
        case .guestGone: self.init(.unreachable, error.message, cause: error)
        default: self.init(.readFailed, error.message, cause: error)
        }
    }

    init(_ error: ImageError) { self.init(.imageUnusable, error.message, cause: error) }
}
