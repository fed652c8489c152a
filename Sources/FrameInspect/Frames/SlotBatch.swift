/// Some neighbouring slots of a frame table, lent for the length of a call.
public struct SlotBatch {
    /// Index of the first slot in the table.
    public let firstIndex: UInt64
    /// Number of slots.
    public let count: Int
    /// The first slot's first byte; `count` times the stride's bytes are readable.
    public let base: UnsafeRawPointer
}
