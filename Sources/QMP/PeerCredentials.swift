internal import Glibc

/// The process at the other end of a UNIX socket, as the kernel knew it when the socket began to listen.
public struct PeerCredentials: Hashable, Sendable {
    /// Process id; 0 where the process lives in a pid namespace that this one cannot see.
    public var pid: Int32
    /// User id.
    public var uid: UInt32
    /// Group id.
    public var gid: UInt32

    /// Credentials from their parts.
    public init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }

    /// Asks the kernel (`SO_PEERCRED`); nil for sockets that have no such peer.
    init?(socket: CInt) {
        var words: [UInt32] = [0, 0, 0]
        var length = socklen_t(12)
        guard getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &words, &length) == 0, length == 12 else { return nil }
        self.init(pid: Int32(bitPattern: words[0]), uid: words[1], gid: words[2])
    }
}
