public import CallGraph

/// What a trace of the running kernel watches besides the hooks: functions by name, and locks.
public struct TracingProfile: Hashable, Sendable, Codable {
    /// A function that is given a block of frames.
    public struct Function: Hashable, Sendable, Codable {
        /// Its names: paths without crate and generic arguments, `*` for any text.
        public var names: [NamePattern]
        /// The parameter that begins with the physical address of the block.
        public var parameter: String
        /// Where that is among the registers for whole-number arguments, from 0, where debug information does not say.
        public var position: Int
    }

    /// A hook of a vtable.
    public enum Role: String, Hashable, Sendable, Codable, CaseIterable {
        /// The hook at the end of the last ownership reference.
        case onLastRef
        /// The hook for every page that is released.
        case onUnmap
    }

    /// A lock that is looked at when a hook is entered.
    public struct Lock: Hashable, Sendable, Codable {
        /// Name of the anchor of what the lock protects; the lock itself is found by `cells`.
        public var anchor: String
        /// What it is called in reports.
        public var name: String
        /// The hooks at which it must not be held; it is reported, and not judged, at others.
        public var freeAt: [Role]
    }

    /// Releases a block: runs its hooks and gives it to the allocator.
    public var release: Function?
    /// Takes a block back into the allocator, after its hooks.
    public var free: Function?
    /// Adds a transient reference to a block.
    public var pin: Function?
    /// Drops one.
    public var unpin: Function?
    /// The locks to look at.
    public var locks: [Lock]?
}
