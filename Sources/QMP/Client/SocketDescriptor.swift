internal import Synchronization

/// The number of a connection's socket, -1 before and after.
final class SocketDescriptor: Sendable {
    private let number = Atomic<CInt>(-1)

    var value: CInt { number.load(ordering: .acquiring) }

    func set(_ value: CInt) { number.store(value, ordering: .releasing) }
}
