/// Where the allocator keeps its books: offsets in its zones, segments and per-CPU caches.
public struct AllocatorLayout: Hashable, Sendable, Codable {
    /// A number inside a structure.
    public struct Field: Hashable, Sendable, Codable {
        /// First byte.
        public var offset: Int
        /// Size in bytes: 1, 2, 4 or 8.
        public var width: Int
    }

    /// An array inside a structure.
    public struct List: Hashable, Sendable, Codable {
        /// First byte of the first element.
        public var offset: Int
        /// Bytes per element.
        public var stride: Int
        /// Number of elements.
        public var count: Int
    }

    /// The array of zones, from the allocator's anchor on.
    public var zones: List
    /// A zone's kind.
    public var zoneKind: Field
    /// Physical address of a zone's first page.
    public var zoneBase: Field
    /// Pages from the first to the last.
    public var zoneSpan: Field
    /// Number of segments in use.
    public var segmentCount: Field
    /// Virtual address of the segments.
    public var segments: Field
    /// Bytes per segment.
    public var segmentStride: Int
    /// Physical address of a segment's first page.
    public var segmentBase: Field
    /// A segment's pages.
    public var segmentPages: Field
    /// Physical addresses of the first free blocks: by migrate type where there are several, then by order.
    public var freeLists: List
    /// Number of lists per migrate type, one for each order.
    public var orders: Int
    /// Lengths of the lists, in their order; nil where the kernel does not count them.
    public var freeBlocks: List?
    /// A zone's pages on no free list; nil where the kernel does not count them.
    public var zoneAllocated: Field?
    /// A zone's pages without holes; nil where the kernel does not count them.
    public var zonePresent: Field?
    /// The words to check before the zones are believed, from the allocator's anchor on.
    public var guards: [CellGuard]
    /// The per-CPU caches, from their anchor on; nil where there are none.
    public var caches: List?
    /// The words to check before a cache is believed, from the cache's element on.
    public var cacheGuards: [CellGuard]
    /// Number of frames in a cache.
    public var cacheLength: Field?
    /// Physical addresses of the frames in a cache.
    public var cacheFrames: List?
}
