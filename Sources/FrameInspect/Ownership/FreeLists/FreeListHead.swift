public import GuestMemory

/// Where one free list begins, as the allocator's own books say.
public struct FreeListHead: Hashable, Sendable {
    /// Index of the zone in the profile's names.
    public var zone: Int
    /// Number of the segment in its zone.
    public var segment: Int
    /// Index of the migrate type; 0 where the kernel has none.
    public var migrateType: Int
    /// Buddy order of the list's blocks.
    public var order: Int
    /// Physical address of the first block; 0 for an empty list.
    public var first: PhysicalAddress
    /// Number of blocks as the kernel counts them; nil where it does not.
    public var blockCount: UInt64?
    /// The frames of the segment.
    public var frames: Range<UInt64>
    /// Virtual address of the word that holds the head.
    public var address: VirtualAddress
}

/// What the allocator counts of a zone.
public struct ZoneAccount: Hashable, Sendable {
    /// Index of the zone in the profile's names.
    public var zone: Int
    /// Pages of all segments.
    public var segmentPages: UInt64
    /// Pages without holes as the kernel counts them; nil where it does not.
    public var presentPages: UInt64?
    /// Pages on no free list as the kernel counts them; nil where it does not.
    public var allocatedPages: UInt64?
}
