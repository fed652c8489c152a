/// What a trace has seen.
public struct TraceReport: Sendable {
    /// Why it ended.
    public enum Ending: String, Hashable, Sendable {
        /// The time that was asked for is over.
        case time
        /// As many calls or pins as were asked for have been seen.
        case limit
        /// The caller cancelled.
        case interrupted
        /// The guest was reset.
        case reset
        /// QEMU ended, or its stub was removed.
        case guestGone = "guest-gone"
        /// Somebody else paused the guest, and without QMP it cannot be known when it runs again.
        case paused
    }

    /// How a rule fared.
    public struct RuleStatus: Hashable, Sendable {
        /// The rule.
        public var rule: RuleIdentifier
        /// Why it could not be checked; nil where it was.
        public var obstacle: String?
        /// Findings of it.
        public var findings: Int
    }

    /// What was traced.
    public var subject: TraceOptions.Subject
    /// Why it ended.
    public var ending: Ending
    /// What is wrong, each kind once.
    public var findings: [Finding]
    /// Kinds of fault that are not listed because there are too many.
    public var omitted: Int
    /// The rules, for a trace of hooks.
    public var rules: [RuleStatus]
    /// Calls of hooks.
    public var calls: Int
    /// Calls by hook, in the order of their addresses.
    public var callsByHook: [(hook: CodePlace, calls: Int)]
    /// Releases that were seen.
    public var releases: Int
    /// Frees that were seen.
    public var frees: Int
    /// Pins that were set.
    public var pins: Int
    /// Pins that were dropped.
    public var unpins: Int
    /// Of these, the ones from before the trace.
    public var earlierPins: Int
    /// Pins that are still there, by the way that they came, the oldest first.
    public var outstanding: [OutstandingPins]
    /// How often the guest stopped at a breakpoint.
    public var stops: Int
    /// How long the trace took, in seconds.
    public var seconds: Double
    /// How much of that the guest stood still, in seconds.
    public var stoppedSeconds: Double
    /// Hooks whose vtables were installed while the trace ran.
    public var laterHooks: [CodePlace]
    /// What the reader should know, as sentences.
    public var notes: [String]
    /// Where the kernel's data came from.
    public var provenance: Provenance

    /// How many findings are at least this bad.
    public func count(atLeast severity: Severity) -> Int { findings.count { $0.severity >= severity } }
}
