import Synchronization

/// Hands each event to every listener, and keeps the last ones for those that come back.
///
/// A listener that does not keep up is ended: it can come back with the number of the last event that it saw.
final class EventBroker: Sendable {
    private struct State {
        var last: UInt64
        var recent: [DaemonEvent] = []
        var listeners: [UInt64: AsyncStream<DaemonEvent>.Continuation] = [:]
        var nextListener: UInt64 = 0
        var isClosed = false
    }

    /// Events that are kept.
    private static let recentLimit = 4096
    /// Events that a listener may be behind.
    private static let backlog = 1024

    private let state: Mutex<State>

    /// - Parameter start: Numbers begin after this; the time, so that they go on ascending after a restart.
    init(start: UInt64) { state = Mutex(State(last: start)) }

    /// Number of listeners.
    var listenerCount: Int { state.withLock { $0.listeners.count } }

    /// Tells everybody.
    func publish(guest: String, _ name: String, _ data: String) {
        state.withLock { state in
            state.last &+= 1
            let event = DaemonEvent(number: state.last, guest: guest, name: name, data: data)
            state.recent.append(event)
            if state.recent.count > Self.recentLimit + Self.recentLimit / 4 {
                state.recent.removeFirst(state.recent.count - Self.recentLimit)
            }
            for (id, listener) in state.listeners {
                if case .dropped = listener.yield(event) {
                    listener.finish()
                    state.listeners[id] = nil
                }
            }
        }
    }

    /// The events from now on, after those that came after the one with number `last`.
    ///
    /// - Returns: The events, and whether some between were already forgotten.
    func listen(after last: UInt64?) -> (events: AsyncStream<DaemonEvent>, hasGap: Bool) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: DaemonEvent.self, bufferingPolicy: .bufferingOldest(Self.backlog + Self.recentLimit * 2))
        let hasGap = state.withLock { state in
            guard !state.isClosed else {
                continuation.finish()
                return false
            }
            let id = state.nextListener
            state.nextListener += 1
            state.listeners[id] = continuation
            continuation.onTermination = { [weak self] _ in self?.remove(id) }
            guard let last else { return false }
            for event in state.recent where event.number > last { continuation.yield(event) }
            guard let first = state.recent.first else { return last != state.last }
            return last &+ 1 < first.number || last > state.last
        }
        return (stream, hasGap)
    }

    /// Ends all listeners.
    func close() {
        let listeners = state.withLock { state in
            state.isClosed = true
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.finish() }
    }

    private func remove(_ id: UInt64) { _ = state.withLock { $0.listeners.removeValue(forKey: id) } }
}
