/// What the allocator's own books say of free frames: which blocks the lists begin with, which frames the per-CPU caches hold.
///
/// A free frame without links may be alone on its list or in a cache; only the books can tell.
public struct FreeFrameSets: Hashable, Sendable {
    /// Frame numbers of the first block of each free list.
    public var listHeads: Set<UInt64>
    /// Frame numbers in per-CPU caches.
    public var cached: Set<UInt64>

    /// The books' content.
    public init(listHeads: Set<UInt64> = [], cached: Set<UInt64> = []) {
        self.listHeads = listHeads
        self.cached = cached
    }

    /// What the books say of one frame; nothing where they do not have it, since it may be on its way between them.
    public func context(of frame: UInt64) -> FrameContext {
        FrameContext(
            isListed: listHeads.contains(frame) ? true : nil, isCached: cached.contains(frame) ? true : nil)
    }
}
