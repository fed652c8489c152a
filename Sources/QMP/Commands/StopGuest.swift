/// `stop`: pauses the guest's processors; one that is paused already stays so.
public struct StopGuest: QMPCommand {
    /// Returns nothing.
    public typealias Reply = EmptyReply
    /// The command's name on the wire.
    public static let name = "stop"

    /// The command; it has no arguments.
    public init() {}
}
