internal import Synchronization

/// Hands each event to every subscriber; a slow one loses the newest, which is counted.
final class EventHub: Sendable {
    /// Events that a subscriber may be behind.
    static let capacity = 1024
    /// Names that are counted; QEMU has some 60.
    private static let nameLimit = 1024

    private struct State {
        var subscribers: [UInt64: AsyncStream<QMPEvent>.Continuation] = [:]
        var nextKey: UInt64 = 0
        var dropped = 0
        var counts: [String: Int] = [:]
        var isFinished = false
        var reason: QMPError?
    }

    private let state = Mutex(State())

    /// How many events were dropped, over all subscribers.
    var dropped: Int { state.withLock { $0.dropped } }

    /// Why the events ended; nil while they come, and where this side closed the connection.
    var reason: QMPError? { state.withLock { $0.reason } }

    func subscribe() -> AsyncStream<QMPEvent> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: QMPEvent.self, bufferingPolicy: .bufferingOldest(Self.capacity))
        let key = state.withLock { state -> UInt64? in
            guard !state.isFinished else { return nil }
            let key = state.nextKey
            state.nextKey &+= 1
            state.subscribers[key] = continuation
            return key
        }
        guard let key else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.unsubscribe(key) }
        return stream
    }

    /// How many events of a name came so far.
    func count(of name: String) -> Int { state.withLock { $0.counts[name] ?? 0 } }

    func publish(_ event: QMPEvent) {
        let subscribers = state.withLock { state in
            if state.counts[event.name] != nil || state.counts.count < Self.nameLimit {
                state.counts[event.name, default: 0] += 1
            }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers {
            if case .dropped = subscriber.yield(event) { state.withLock { $0.dropped &+= 1 } }
        }
    }

    func finish(because reason: QMPError?) {
        let subscribers = state.withLock { state in
            state.isFinished = true
            state.reason = reason
            defer { state.subscribers.removeAll() }
            return Array(state.subscribers.values)
        }
        for subscriber in subscribers { subscriber.finish() }
    }

    private func unsubscribe(_ key: UInt64) {
        // The removed continuation is released outside of the lock: its end may call back.
        let removed = state.withLock { $0.subscribers.removeValue(forKey: key) }
        _ = removed
    }
}
