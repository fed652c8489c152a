public import GuestMemory

/// A pin was set or dropped.
public struct PinEvent: Hashable, Sendable {
    /// What happened.
    public enum Kind: String, Hashable, Sendable {
        /// A transient reference was added.
        case pin
        /// One was dropped.
        case unpin
    }

    /// The number of the event in this trace, from 1.
    public var number: Int
    /// What happened.
    public var kind: Kind
    /// The first page of the block.
    public var frame: FrameNumber
    /// Of an unpin: the number of the pin that it is taken to end; nil for one from before the trace.
    public var pinNumber: Int?
    /// Of an unpin: how long that pin was there, in seconds.
    public var age: Double?
    /// Where and when.
    public var context: TraceContext
}
