/// `query-version`: the server's version, as in its greeting.
public struct QueryVersion: QMPCommand {
    /// The version.
    public typealias Reply = QMPVersion
    /// The command's name on the wire.
    public static let name = "query-version"

    /// The command; it has no arguments.
    public init() {}
}
