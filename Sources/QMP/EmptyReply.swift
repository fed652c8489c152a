/// The reply of commands that return nothing; accepts any value.
public struct EmptyReply: Hashable, Sendable, Decodable {
    /// The only value.
    public init() {}

    /// Looks at nothing, so that a server may add members.
    public init(from decoder: any Decoder) {}
}
