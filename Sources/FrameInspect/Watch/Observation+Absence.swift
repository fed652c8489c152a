extension Observation {
    /// The fingerprints of everything that the rules said in this look, sure or not.
    public var fingerprints: Set<String> { Set(collector.findings.map(\.fingerprint)) }

    /// Whether this look could have shown findings of a rule, so that one that it does not show is gone.
    public func canTell(_ rule: RuleIdentifier) -> Bool {
        // What was read while it moved may lack an entry that is there.
        collector.obstacles[rule] == nil && (facts.isOfOneMoment || !rule.needsTime)
    }
}
