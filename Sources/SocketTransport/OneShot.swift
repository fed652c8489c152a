internal import Synchronization

/// A result that is set once, by whoever comes first, and awaited by one task.
package final class OneShot<Value: Sendable, Failure: Error>: Sendable {
    /// What is set.
    package typealias Outcome = Result<Value, Failure>

    private enum State: Sendable {
        case open
        case awaited(CheckedContinuation<Outcome, Never>)
        case resolved(Outcome)
    }

    private let state = Mutex(State.open)

    /// A result that is not known yet.
    package init() {}

    /// Whether the result is set.
    package var isResolved: Bool {
        state.withLock { state in
            if case .resolved = state { true } else { false }
        }
    }

    /// Sets the result and wakes the task; false where another came first.
    @discardableResult
    package func resolve(_ result: Outcome) -> Bool {
        let (isFirst, continuation) = state.withLock {
            state -> (Bool, CheckedContinuation<Outcome, Never>?) in
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
    package func value() async -> Outcome {
        await withCheckedContinuation { continuation in
            let early = state.withLock { state -> Outcome? in
                if case .resolved(let result) = state { return result }
                state = .awaited(continuation)
                return nil
            }
            if let early { continuation.resume(returning: early) }
        }
    }
}
