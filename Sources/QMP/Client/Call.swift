internal import SocketTransport

/// A request on its way, and where its answer goes.
struct Call: Sendable {
    var id: UInt64
    var command: String
    var bytes: [UInt8]
    var descriptor: PassedDescriptor?
    var answer: OneShot<[UInt8], QMPError>
}
