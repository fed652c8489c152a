internal import SocketTransport

/// What a finished handshake leaves behind.
struct Handshake: Sendable {
    var version: QMPVersion
    var peer: PeerCredentials?
}
