public import GuestMemory

/// How a trace goes about it.
public struct TraceOptions: Sendable {
    /// What is traced.
    public enum Subject: String, Hashable, Sendable, CaseIterable {
        /// Calls of hooks, and the releases that they belong to.
        case hooks
        /// Pins and their ends.
        case pins
    }

    /// What is traced.
    public var subject: Subject
    /// How long; nil until the caller's task is cancelled.
    public var duration: Duration?
    /// Ends the trace after so many calls of hooks, or pins; nil for any number.
    public var limit: Int?
    /// Only what concerns this frame; nil for all.
    public var frame: FrameNumber?
    /// Only these hooks, by the end of their symbols' paths or by address in hexadecimal; empty for all.
    public var hooks: [String] = []
    /// Whether backtraces are taken of every event; without, only of findings and pins.
    public var takesBacktraces = true

    /// A trace of everything, without an end.
    public init(_ subject: Subject) { self.subject = subject }
}
