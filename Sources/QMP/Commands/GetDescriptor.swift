/// `getfd`: names the descriptor that came along with the command.
///
/// Use ``QMPClient/passDescriptor(_:named:timeout:)``, which sends both.
public struct GetDescriptor: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "getfd"

    /// The name, which must not begin with a digit.
    ///
    /// A descriptor that had it before is closed.
    public var descriptorName: String

    /// A name for the descriptor.
    public init(named descriptorName: String) { self.descriptorName = descriptorName }

    enum CodingKeys: String, CodingKey {
        case descriptorName = "fdname"
    }
}
