/// `cont`: lets the guest's processors run again.
public struct ContinueGuest: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "cont"

    /// The command; it has no arguments.
    public init() {}
}
