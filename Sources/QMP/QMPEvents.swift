/// The events of a connection, from the call of ``QMPClient/events()`` on.
///
/// The sequence ends when this side closes the connection or the task is cancelled, and throws the reason when anything
/// else ends it. It keeps the connection open as long as it lives.
public struct QMPEvents: AsyncSequence, Sendable {
    /// An event.
    public typealias Element = QMPEvent
    /// Why the events ended.
    public typealias Failure = QMPError

    let client: QMPClient
    let hub: EventHub
    let stream: AsyncStream<QMPEvent>

    /// The place of one reader; several readers share the events among them.
    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client, hub: hub, events: stream.makeAsyncIterator())
    }

    /// Waits for one event after the other.
    public struct Iterator: AsyncIteratorProtocol {
        let client: QMPClient
        let hub: EventHub
        var events: AsyncStream<QMPEvent>.Iterator

        /// The next event; nil at the end.
        ///
        /// - Throws: ``QMPError`` with code `.disconnected` where QEMU ended, `.malformed` where it sent garbage.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(QMPError) -> QMPEvent? {
            if let event = await events.next(isolation: actor) { return event }
            if !Task.isCancelled, let reason = hub.reason { throw reason }
            return nil
        }
    }
}
