internal import Glibc
internal import NIOPosix
internal import SocketTransport

/// Whether somebody holds a stub already, found out without connecting to it.
///
/// A connection to a stub that is held waits in the listener's queue, where closing does not remove it: QEMU would take it
/// when the stub gets free, and stop its guest for a client that left long ago. The kernel's list of UNIX sockets shows
/// connections before one is made. Over TCP there is no such list that all users may read.
enum StubOccupancy {
    /// How long a client that is just leaving is waited for.
    private static let patience = Duration.seconds(1)

    /// Waits a moment for the stub to get free.
    ///
    /// - Returns: Whether somebody still holds it; false where that cannot be known.
    static func isHeld(_ address: GDBAddress, timeout: Duration) async -> Bool {
        guard case .unix(let path) = address else { return false }
        let deadline = ContinuousClock.now + min(timeout, patience)
        while await hasClient(path) {
            if ContinuousClock.now >= deadline { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    private static func hasClient(_ path: String) async -> Bool {
        let text = try? await NIOThreadPool.singleton.runIfActive { listing() }
        guard let text else { return false }
        return hasClient(path, in: text)
    }

    /// Whether `/proc/net/unix` has a connection that was accepted on a path.
    static func hasClient(_ path: String, in listing: [UInt8]) -> Bool {
        let name = Array(path.utf8)
        for line in listing.split(separator: 0x0A) {
            // Number, references, protocol, flags, type, state, inode, path; state 03 is connected.
            let fields = line.split(separator: 0x20, maxSplits: 7)
            if fields.count == 8, fields[5].elementsEqual([0x30, 0x33]), fields[7].elementsEqual(name) { return true }
        }
        return false
    }

    private static func listing() -> [UInt8] {
        let descriptor = open("/proc/net/unix", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < 64 << 20 {
            let count = read(descriptor, &block, block.count)
            guard count > 0 else { break }
            bytes += block.prefix(count)
        }
        return bytes
    }
}
