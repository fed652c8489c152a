public import GuestMemory

/// Something that happened to a frame between two looks at its guest.
public struct FrameEvent: Hashable, Sendable {
    /// What happened.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// It was handed out.
        case allocated
        /// It was claimed, which begins a new life.
        case claimed
        /// A pin began.
        case pinned
        /// All pins ended.
        case unpinned
        /// More references than before.
        case shared
        /// Fewer references than before.
        case unshared
        /// It got a vtable.
        case hookInstalled = "hook-installed"
        /// It lost its vtable.
        case hookRemoved = "hook-removed"
        /// It was given back.
        case freed
        /// It was marked as poisoned.
        case poisoned
        /// Something else changed.
        case changed
    }

    /// What happened.
    public var kind: Kind
    /// The same in words, without a full stop.
    public var text: String
    /// The look before it, in seconds since 1970.
    public var after: Double
    /// The look that showed it.
    public var before: Double
    /// How often the frame had been claimed then; nil where the kernel does not count that.
    public var generation: UInt64?
    /// Number of the look that showed it.
    public var look: Int
}

/// What is recorded of one frame.
public struct FrameBiography: Hashable, Sendable {
    /// The frame.
    public var frame: FrameNumber
    /// How far back the record goes, in seconds since 1970.
    public var since: Double
    /// The last look.
    public var until: Double
    /// Number of looks that the record holds.
    public var looks: Int
    /// What happened, the oldest first.
    public var events: [FrameEvent]
    /// Whether the record reaches back to the first look; false where older looks were dropped for lack of room.
    public var isComplete: Bool
}
