/// `query-status`: whether the guest runs, and why not.
public struct QueryStatus: QMPCommand {
    /// The guest's state.
    public typealias Reply = RunStatus
    /// The command's name on the wire.
    public static let name = "query-status"

    /// The command; it has no arguments.
    public init() {}
}
