internal import CRestorer
internal import Synchronization

/// A child process that puts the guest back if this process is killed while it has stopped it.
///
/// Nothing else can: no handler runs on SIGKILL. The child shares the socket, so the peer does not see it close.
final class Restorer: Sendable {
    private let child: Mutex<fi_restorer?>

    /// Starts the child; `bytes` are what it will write to `socket` should this process die.
    init(socket: CInt, bytes: [UInt8]) throws(InspectorError) {
        var started = fi_restorer(pid: -1, control: -1)
        let failure = bytes.withUnsafeBytes { fi_restorer_start(socket, $0.baseAddress, $0.count, &started) }
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
