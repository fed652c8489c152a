/// What the allocator's own structures say: its zones, and where free frames are kept.
public struct AllocatorBooks: Hashable, Sendable {
    /// The zones.
    public var zones: ZoneMap
    /// The first blocks of the free lists, and the frames in per-CPU caches.
    public var books: FreeFrameSets

    /// Nothing is known.
    public static let unknown = AllocatorBooks(zones: .empty, books: FreeFrameSets())
}

extension Inspector {
    /// Reads zones, free-list heads and per-CPU caches; what is not known stays empty.
    func readBooks() async throws(InspectorError) -> AllocatorBooks { .unknown }
}
