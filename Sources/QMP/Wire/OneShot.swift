internal import Synchronization

/// A result that is set once, by whoever comes first, and awaited by one task.
final class OneShot<Value: Sendable>: Sendable {
    private enum State: Sendable {
        case open
        case awaited(CheckedContinuation<Result<Value, QMPError>, Never>)
        case resolved(Result<Value, QMPError>)
    }

    private let state = Mutex(State.open)

    /// Whether the result is set.
    var isResolved: Bool {
        state.withLock { state in
            if case .resolved = state { true } else { false }
        }
    }

    /// Sets the result and wakes the task; false where another came first.
    @discardableResult
    func resolve(_ result: Result<Value, QMPError>) -> Bool {
        let (isFirst, continuation) = state.withLock {
            state -> (Bool, CheckedContinuation<Result<Value, QMPError>, Never>?) in
            switch state {
            case .open:
                state = .resolved(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .resolved(result)
                return (true, continuation)
            case .resolved:
                return (false, nil)
            }
        }
        continuation?.resume(returning: result)
        return isFirst
    }

    /// Waits for the result.
    func value() async -> Result<Value, QMPError> {
        await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Result<Value, QMPError>? in
                if case .resolved(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
    }
}
