/// Takes what the rules say about one sample.
public struct AuditCollector: Sendable {
    /// Why a rule has nothing to say.
    public enum Obstacle: Hashable, Sendable {
        /// It cannot be checked on this guest this way.
        case notRun(String)
        /// What it looks at was being changed just then; another sample may do.
        case midChange(String)

        /// Whether another sample may do.
        var isMidChange: Bool { if case .midChange = self { true } else { false } }

        /// The reason.
        public var reason: String {
            switch self {
            case .notRun(let text), .midChange(let text): text
            }
        }
    }

    /// The most findings of one rule that are kept; the rest is counted.
    public static let limit = 1000

    /// What is wrong.
    public private(set) var findings: [Finding] = []
    /// Rules that could not look, and why.
    public private(set) var obstacles: [RuleIdentifier: Obstacle] = [:]
    /// Findings beyond the limit, by rule.
    public private(set) var omitted: [RuleIdentifier: Int] = [:]
    private var counts: [RuleIdentifier: Int] = [:]

    /// Nothing yet.
    public init() {}

    /// Takes a finding.
    public mutating func report(_ finding: Finding) {
        let count = counts[finding.rule, default: 0]
        counts[finding.rule] = count + 1
        if count < AuditCollector.limit {
            findings.append(finding)
        } else {
            omitted[finding.rule, default: 0] += 1
        }
    }

    /// Notes that rules could not look; what was said first stays.
    public mutating func skip(_ rules: [RuleIdentifier], _ obstacle: Obstacle) {
        for rule in rules where obstacles[rule] == nil { obstacles[rule] = obstacle }
    }
}
