/// How an audit goes about it.
public struct AuditOptions: Sendable, Hashable {
    /// The rules to check; nil for all.
    public var rules: Set<RuleIdentifier>?
    /// How often the guest is looked at before something that could be a moment's state is called a finding.
    public var samples = 3
    /// The time between two looks.
    public var interval = Duration.milliseconds(500)

    /// All rules, three samples, half a second apart.
    public init() {}
}
