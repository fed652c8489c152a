internal import Glibc

/// The process at the other end of a UNIX socket.
public struct PeerCredentials: Hashable, Sendable {
    /// Its number in this process's namespace.
    public var pid: Int32
    /// Its user.
    public var uid: UInt32
    /// Its group.
    public var gid: UInt32

    /// The peer of a connected UNIX socket, as the kernel knew it when the socket began to listen (`SO_PEERCRED`).
    ///
    /// nil for other sockets, and for a process in a pid namespace that this one cannot see.
    public init?(socket: CInt) {
        // struct ucred, which glibc shows only to programs that ask for GNU extensions.
        var words: (Int32, UInt32, UInt32) = (0, 0, 0)
        var length = socklen_t(MemoryLayout.size(ofValue: words))
        guard getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &words, &length) == 0, length == 12, words.0 > 0 else {
            return nil
        }
        (pid, uid, gid) = words
    }
}
