public import CallGraph

/// Something that breaks the kernel's contract, with the proof.
public struct Finding: Hashable, Sendable {
    /// The rule that it breaks.
    public var rule: RuleIdentifier
    /// How it was made sure of.
    public var confidence: Confidence
    /// The frames concerned, folded into ranges.
    public var frames: [FrameRange]
    /// One sentence, without a full stop: what is wrong.
    public var message: String
    /// The values it rests on.
    public var evidence: [Evidence]
    /// The symbol concerned; nil where there is none.
    public var place: CodePlace?
    /// The way from a hook to what it must not do, or of a trace: the calls that led there; empty for other rules.
    public var path: [PathStep]
    /// What to look at next.
    public var next: String
    /// What is concerned, in words that are the same in every run: names instead of addresses where there are any.
    public var subject: String
    /// How long it was seen unchanged, in seconds; nil for what has no age.
    public var age: Double?

    /// A finding.
    public init(
        _ rule: RuleIdentifier, subject: String, frames: [FrameRange], message: String, evidence: [Evidence],
        place: CodePlace? = nil, path: [PathStep] = [], next: String, confidence: Confidence = .still
    ) {
        self.rule = rule
        self.confidence = confidence
        self.frames = FrameRange.folded(frames)
        self.message = message
        self.evidence = evidence
        self.place = place
        self.path = path
        self.next = next
        self.subject = subject
    }

    /// How bad it is.
    public var severity: Severity { rule.severity }

    /// The same for the same fault in every run: what a baseline remembers.
    public var fingerprint: String { StableHash.text(of: "\(rule.rawValue)\n\(subject)") }
}
