/// The place of a descriptor table of x86.
public struct DescriptorTable: Hashable, Sendable {
    /// Virtual address of the first entry.
    public var base: UInt64
    /// Offset of the table's last byte.
    public var limit: UInt32

    /// A table from its parts.
    public init(base: UInt64, limit: UInt32) {
        self.base = base
        self.limit = limit
    }
}
