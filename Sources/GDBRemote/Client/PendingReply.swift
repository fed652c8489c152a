internal import SocketTransport

/// The outcome of one request, awaited by one task.
typealias PendingReply = OneShot<StubAnswer, GDBError>
