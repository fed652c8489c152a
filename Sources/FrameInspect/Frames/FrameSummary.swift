/// How many frames of a table have which flags, state, order, references and zone.
public struct FrameSummary: Hashable, Sendable {
    /// Frames with the same flags.
    public struct FlagCount: Hashable, Sendable {
        /// The flags; nil for the rest of a table whose slots have too many different contents to be told apart.
        public var flags: UInt64?
        /// Number of frames.
        public var frames: UInt64
    }

    /// Frames in the same state.
    public struct StateCount: Hashable, Sendable {
        /// The state.
        public var state: FrameState
        /// Number of frames.
        public var frames: UInt64
    }

    /// Frames whose slots contradict themselves in the same way.
    public struct ContradictionCount: Hashable, Sendable {
        /// What contradicts what.
        public var contradiction: Contradiction
        /// Number of frames.
        public var frames: UInt64
    }

    /// Managed frames in blocks of the same order.
    public struct OrderCount: Hashable, Sendable {
        /// The order.
        public var order: UInt8
        /// Number of frames, not of blocks.
        public var frames: UInt64
    }

    /// Managed frames with about the same number of references.
    public struct ReferenceCount: Hashable, Sendable {
        /// The number, or the range of numbers.
        public var references: References
        /// Number of frames.
        public var frames: UInt64
    }

    /// Frames of a zone.
    public struct ZoneCount: Hashable, Sendable {
        /// Its name; nil for frames that no zone manages.
        public var name: String?
        /// Number of frames, unmanaged ones within the zone included.
        public var frames: UInt64
        /// The same by state.
        public var states: [StateCount]
    }

    /// A number of references: exact up to 15, then powers of two.
    public enum References: Hashable, Sendable, Comparable {
        /// The kernel's mark for "nobody counts here".
        case unused
        /// From the lower to the upper number, both included.
        case counted(UInt64, UInt64)
        /// Not told apart.
        case other

        init(stored: UInt64, layout: FrameLayout) {
            if stored == layout.refcountUnused {
                self = .unused
                return
            }
            let number = layout.references(stored: stored)
            guard number > 15 else {
                self = .counted(number, number)
                return
            }
            let power = UInt64(63 - number.leadingZeroBitCount)
            self = .counted(1 &<< power, (2 &<< power) &- 1)
        }
    }

    /// All frames of the table.
    public var frames: UInt64
    /// By flags, ascending.
    public var flags: [FlagCount]
    /// By state, in the order of ``FrameState``.
    public var states: [StateCount]
    /// What contradicts itself, by kind.
    public var contradictions: [ContradictionCount]
    /// Managed frames by order, ascending.
    public var orders: [OrderCount]
    /// Managed frames by references, ascending.
    public var references: [ReferenceCount]
    /// By zone; empty where the zones are not known.
    public var zones: [ZoneCount]
    /// Frames with a vtable of their own.
    public var framesWithVtable: UInt64

    static func sorted(_ states: [FrameState: UInt64]) -> [StateCount] {
        states.filter { $0.value > 0 }.map { StateCount(state: $0.key, frames: $0.value) }
            .sorted { $0.state.rawValue < $1.state.rawValue }
    }
}
