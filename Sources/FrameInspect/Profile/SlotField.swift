/// What a slot can say of its frame, whatever the kernel calls it and wherever it keeps it.
public enum SlotField: String, Hashable, Sendable, Codable, CaseIterable {
    /// Physical address of the next free block.
    case next
    /// Physical address of the previous free block.
    case prev
    /// Virtual address of the frame's vtable.
    case vtable
    /// Flag bits.
    case flags
    /// Buddy order of the block.
    case order
    /// References.
    case refcount
    /// Number of successful claims.
    case generation
    /// Guard bits.
    case `guard`
    /// Whatever else the kernel notes.
    case aux
}
