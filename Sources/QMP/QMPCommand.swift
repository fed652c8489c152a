/// A QMP command: its properties are the arguments, by the names that QEMU gives them.
public protocol QMPCommand: Encodable, Sendable {
    /// What a successful command returns.
    associatedtype Reply: Decodable & Sendable

    /// The command's name on the wire.
    static var name: String { get }
}
