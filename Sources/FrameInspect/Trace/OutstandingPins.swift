public import GuestMemory

/// Pins that came the same way and were still there at the end of the trace.
public struct OutstandingPins: Hashable, Sendable {
    /// How many are still there.
    public var outstanding: Int
    /// How many came this way in all.
    public var pins: Int
    /// The blocks that are still pinned, the longest first, up to a limit.
    public var frames: [FrameNumber]
    /// How long the oldest has been there, in seconds.
    public var oldest: Double
    /// The way.
    public var backtrace: Backtrace
}
