internal import Synchronization

/// The number of a connection's socket, -1 once it is closed.
final class SocketDescriptor: Sendable {
    private let number: Atomic<CInt>

    init(_ value: CInt) { number = Atomic(value) }

    var value: CInt { number.load(ordering: .acquiring) }

    /// Notes that the number may belong to another file from now on.
    func forget() { number.store(-1, ordering: .releasing) }
}
