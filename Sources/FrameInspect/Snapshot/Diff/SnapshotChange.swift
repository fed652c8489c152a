/// One change between two snapshots.
public struct SnapshotChange: Hashable, Sendable {
    /// What kind of change.
    public var kind: ChangeKind
    /// The frames: neighbours that changed alike, or a block; nil for a mapping, which is of a capability.
    public var frames: FrameRange?
    /// The capability; nil for frames and blocks.
    public var capability: UInt64?
    /// What was there before; of the first frame where they are not all alike.
    public var before: String
    /// What is there now; of the first frame where they are not all alike.
    public var after: String
    /// Whether all frames changed from the same to the same.
    public var isUniform: Bool

    /// A change.
    public init(
        _ kind: ChangeKind, frames: FrameRange? = nil, capability: UInt64? = nil, before: String, after: String,
        isUniform: Bool = true
    ) {
        self.kind = kind
        self.frames = frames
        self.capability = capability
        self.before = before
        self.after = after
        self.isUniform = isUniform
    }
}
