/// `query-memdev`: the guest's memory backends.
public struct QueryMemoryDevices: QMPCommand {
    /// One element per backend.
    public typealias Reply = [MemoryDevice]
    /// The command's name on the wire.
    public static let name = "query-memdev"

    /// The command; it has no arguments.
    public init() {}
}
