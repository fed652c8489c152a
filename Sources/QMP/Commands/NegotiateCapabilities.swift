/// `qmp_capabilities`: ends the handshake; ``QMPClient`` sends it by itself.
public struct NegotiateCapabilities: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "qmp_capabilities"

    /// The capabilities to turn on, out of those that the greeting offers.
    public var enable: [String]

    /// The capabilities to turn on.
    public init(enable: [String] = []) { self.enable = enable }

    enum CodingKeys: String, CodingKey {
        case enable
    }

    /// Leaves an empty list out, which servers without any capability expect.
    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        if !enable.isEmpty { try members.encode(enable, forKey: .enable) }
    }
}
