/// What is known of a frame beside its slot; nil where it is not known.
public struct FrameContext: Hashable, Sendable {
    /// Whether a walk over the free lists met the frame.
    public var isListed: Bool?
    /// Whether a per-CPU cache holds the frame.
    public var isCached: Bool?
    /// Whether the ownership table has an entry for the frame's block.
    public var isOwned: Bool?

    /// What is known.
    public init(isListed: Bool? = nil, isCached: Bool? = nil, isOwned: Bool? = nil) {
        self.isListed = isListed
        self.isCached = isCached
        self.isOwned = isOwned
    }
}

extension FrameVerdict {
    /// The verdict sharpened by what is known beside the slot: an unlinked free frame turns out to be cached, listed or lost,
    /// a poisoned one that nobody owns to be withheld.
    public func resolved(with context: FrameContext) -> FrameVerdict {
        switch state {
        case .freeUnlinked:
            if context.isCached == true { return FrameVerdict(.freeCached) }
            if context.isListed == true { return FrameVerdict(.freeListed) }
            if context.isCached == false, context.isListed == false { return FrameVerdict(.freeLost) }
            return self
        case .poisoned:
            return context.isOwned == false ? FrameVerdict(.quarantined) : self
        default:
            return self
        }
    }
}
