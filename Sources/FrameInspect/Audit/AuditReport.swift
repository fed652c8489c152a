/// What an audit found, and what it could not look at.
public struct AuditReport: Sendable {
    /// How a rule fared.
    public enum Outcome: Hashable, Sendable {
        /// It was checked.
        case checked
        /// It could not be checked, and why.
        case notRun(String)
        /// What it looks at was being changed at every sample.
        case unsettled(String)
    }

    /// How one rule fared.
    public struct RuleStatus: Hashable, Sendable {
        /// The rule.
        public var rule: RuleIdentifier
        /// How it fared.
        public var outcome: Outcome
        /// Findings of it.
        public var findings: Int
        /// What looked like a finding in one sample and was gone or different in another.
        public var inFlight: Int
        /// Findings that are not listed because there are too many.
        public var omitted: Int
    }

    /// What is wrong, the worst first.
    public var findings: [Finding]
    /// Every rule that was asked for.
    public var rules: [RuleStatus]
    /// How often the guest was looked at.
    public var samples: Int
    /// The time from the first look to the last, in seconds.
    public var seconds: Double
    /// Number of slots in the frame table.
    public var slots: UInt64
    /// Number of entries in the ownership table; nil where it could not be read.
    public var owners: Int?
    /// Number of installed hooks.
    public var hooks: Int
    /// Parts of the kernel's own structures that could not be read whole.
    public var gaps: [KernelBooks.Gap]
    /// Where the data of the first sample comes from.
    public var provenance: Provenance
    /// The longest that the guest was stopped for a sample, in seconds; nil where it never was.
    public var longestPause: Double?

    /// How many findings are at least this bad.
    public func count(atLeast severity: Severity) -> Int { findings.count { $0.severity >= severity } }
}
