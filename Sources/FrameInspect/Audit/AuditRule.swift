/// One family of checks: facts in, findings out, nothing else.
public protocol AuditRule: Sendable {
    /// What it may report.
    static var identifiers: [RuleIdentifier] { get }

    /// Reports what is wrong, and what could not be looked at and why.
    func check(_ facts: AuditFacts, _ collector: inout AuditCollector)
}
