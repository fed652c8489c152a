internal import CRestorer
internal import Synchronization

/// A child process that puts the guest back if this process is killed while it has stopped it.
///
/// Nothing else can: no handler runs on SIGKILL. The child shares the sockets, so the peers do not see them close.
final class Restorer: Sendable {
    private let child: Mutex<fi_restorer?>

    /// What the child says to one peer should this process die.
    struct Farewell: Sendable {
        /// The connected socket.
        var socket: CInt
        /// What is written to it.
        var bytes: [UInt8]
        /// What the answer contains, at most 64 bytes; empty: the peer is given time instead.
        var answer: [UInt8] = []
    }

    /// Starts the child, which says the farewells one after the other.
    init(_ farewells: [Farewell]) throws(InspectorError) {
        var started = fi_restorer(pid: -1, control: -1)
        let bytes = farewells.flatMap { $0.bytes + $0.answer }
        let failure = bytes.withUnsafeBytes { buffer in
            var offset = 0
            func take(_ count: Int) -> UnsafeRawPointer? {
                defer { offset += count }
                return buffer.baseAddress.map { $0 + offset }
            }
            let list = farewells.map { farewell in
                fi_farewell(
                    socket_fd: farewell.socket, bytes: take(farewell.bytes.count), count: farewell.bytes.count,
                    answer: take(farewell.answer.count), answer_count: farewell.answer.count)
            }
            return fi_restorer_start(list, list.count, &started)
        }
        guard failure == 0 else {
            throw InspectorError(
                .unreachable,
                "cannot start the helper that would resume the guest if this process were killed (errno \(failure)); "
                    + "the guest was not stopped: free some processes or memory and try again")
        }
        child = Mutex(started)
    }

    /// Everything is as it was before: the child ends without a word.
    func dismiss() {
        let running = child.withLock { child in
            defer { child = nil }
            return child
        }
        if let running { fi_restorer_dismiss(running) }
    }

    deinit { dismiss() }
}
