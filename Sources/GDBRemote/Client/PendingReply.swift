internal import Synchronization

/// The reply to one request, awaited by one task.
final class PendingReply: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Result<[UInt8], GDBError>, Never>)
        case resolved(Result<[UInt8], GDBError>)
    }

    private let state = Mutex(State.open)

    /// Sets the reply; false where another came first.
    @discardableResult
    func resolve(_ result: Result<[UInt8], GDBError>) -> Bool {
        let (isFirst, waiting) = state.withLock {
            state -> (Bool, CheckedContinuation<Result<[UInt8], GDBError>, Never>?) in
            switch state {
            case .open:
                state = .resolved(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .resolved(result)
                return (true, continuation)
            case .resolved: return (false, nil)
            }
        }
        waiting?.resume(returning: result)
        return isFirst
    }

    /// Waits for the reply.
    func value() async -> Result<[UInt8], GDBError> {
        await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Result<[UInt8], GDBError>? in
                if case .resolved(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
    }
}
