/// How the kernel's allocator describes its zones.
public struct ZoneProfile: Hashable, Sendable, Codable {
    /// Name of the allocator's anchor.
    public var allocator: String
    /// Path of the allocator's type.
    public var allocatorType: String
    /// Member of the allocator that is the array of zones.
    public var zones: String
    /// Path of a zone's type.
    public var zoneType: String
    /// A zone's members.
    public var zone: Zone
    /// Path of a segment's type.
    public var segmentType: String
    /// A segment's members.
    public var segment: Segment
    /// Names of the zones by the value of `zone.kind`.
    public var names: [String]
    /// Names of the migrate types by the first index of `segment.freeLists`; nil where there is none.
    public var migrateTypes: [String]?

    /// Members of a zone.
    public struct Zone: Hashable, Sendable, Codable {
        /// The kind of zone, an index of `names`.
        public var kind: String
        /// Physical address of the first page.
        public var base: String
        /// Pages that the zone manages.
        public var pageCount: String
        /// Pages from the first to the last, holes included.
        public var spanPages: String
        /// Pages on no free list; nil where the kernel does not count them.
        public var allocatedPages: String?
        /// Pages that the zone manages, without holes; nil where the kernel does not count them.
        public var presentPages: String?
        /// Number of segments in use.
        public var segmentCount: String
        /// The array of segments.
        public var segments: String
    }

    /// Members of a segment: a zone's piece without holes.
    public struct Segment: Hashable, Sendable, Codable {
        /// Physical address of the first page.
        public var base: String
        /// Pages.
        public var pageCount: String
        /// Array of list heads by order, or of such arrays by migrate type: physical address of the first free block.
        public var freeLists: String
        /// Array of the lists' lengths, of the same form; nil where the kernel does not count them.
        public var freeBlocks: String?
    }
}

/// How the kernel's per-CPU caches of single frames are described.
public struct FrameCacheProfile: Hashable, Sendable, Codable {
    /// Name of the anchor of the array of caches.
    public var anchor: String
    /// Path of a cache's type.
    public var type: String
    /// Member that counts the cached frames.
    public var length: String
    /// Member that is the array of their physical addresses.
    public var frames: String
}
