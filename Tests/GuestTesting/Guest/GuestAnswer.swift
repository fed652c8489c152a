/// What the test kernel answered to one command.
public struct GuestAnswer: Sendable {
    /// Lines before the last, which carry data; most commands have none.
    public var lines: [GuestValue]
    /// The last line, which says whether the command was done.
    public var last: GuestValue

    /// The last line's member with this name, or null.
    public subscript(name: String) -> GuestValue { last[name] }
}
