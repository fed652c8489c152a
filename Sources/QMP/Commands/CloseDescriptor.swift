/// `closefd`: closes a descriptor that was passed by name.
public struct CloseDescriptor: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "closefd"

    /// The descriptor's name.
    public var descriptorName: String

    /// The descriptor of this name.
    public init(named descriptorName: String) { self.descriptorName = descriptorName }

    enum CodingKeys: String, CodingKey {
        case descriptorName = "fdname"
    }
}
