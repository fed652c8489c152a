internal import Synchronization

/// A client's process, once it is found out.
final class ClientProcessBox: Sendable {
    private let process = Mutex<ClientProcess?>(nil)

    /// Remembers the process with a number; nil for one that is not known.
    func set(_ pid: Int32?) {
        let found = pid.flatMap { ClientProcess(pid: $0) }
        process.withLock { $0 = found }
    }

    /// Whether it is known and lives.
    var isAlive: Bool { process.withLock { $0 }?.isAlive ?? false }
}
