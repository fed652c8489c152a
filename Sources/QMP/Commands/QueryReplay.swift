/// `query-replay`: whether execution is recorded or replayed, and how many instructions have run.
public struct QueryReplay: QMPCommand {
    /// The state of recording.
    public struct Reply: Decodable, Sendable {
        /// `none`, `record` or `play`.
        public var mode: String
        /// Guest instructions so far; 0 where none are counted.
        public var icount: UInt64
    }

    /// The command's name on the wire.
    public static let name = "query-replay"

    /// The command; it has no arguments.
    public init() {}
}
