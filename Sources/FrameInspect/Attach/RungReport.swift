public import GuestMemory

/// How one rung of the memory ladder fared.
public struct RungReport: Sendable, Hashable {
    /// The rung.
    public var kind: MemorySourceKind
    /// Whether it can be used.
    public var isUsable: Bool
    /// Whether it was taken.
    public var isChosen: Bool
    /// More about it, or why it cannot be used.
    public var detail: String
}
