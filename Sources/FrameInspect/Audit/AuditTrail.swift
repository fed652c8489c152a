internal import GuestMemory

/// Puts samples together: what stays the same is a finding, what moves is in flight.
struct AuditTrail {
    private struct Candidate {
        var finding: Finding
        var firstSeen: Double
        var lastSeen: Double
        var sightings = 1
    }

    private let rules: [RuleIdentifier]
    /// Whether nothing can move: one sample says it all.
    private let isStill: Bool
    /// What every sample so far showed, by identity.
    private var candidates: [String: Candidate]?
    /// What needs no second look.
    private var sure: [String: Finding] = [:]
    private var inFlight: [RuleIdentifier: Int] = [:]
    private var omitted: [RuleIdentifier: Int] = [:]
    /// Rules that at least one sample could check.
    private var checked: Set<RuleIdentifier> = []
    private var obstacles: [RuleIdentifier: AuditCollector.Obstacle] = [:]
    /// Whether all samples so far may lack entries that were on their way.
    private(set) var isUncertain = true

    init(rules: [RuleIdentifier], isStill: Bool) {
        self.rules = rules
        self.isStill = isStill
    }

    /// Takes a sample's findings, in the order of time.
    ///
    /// - Parameter isOfOneMoment: Whether the guest stood still for the sample. What was read of one that ran may lack an entry
    ///   that moved meanwhile: a pin that is missing then may still be there.
    mutating func add(_ collector: AuditCollector, at seconds: Double, isOfOneMoment: Bool) {
        let wanted = Set(rules)
        for rule in rules {
            switch collector.obstacles[rule] {
            case nil: checked.insert(rule)
            case let obstacle?: obstacles[rule] = obstacle
            }
        }
        omitted.merge(collector.omitted.filter { wanted.contains($0.key) }) { max($0, $1) }
        var current: [String: Candidate] = [:]
        for finding in collector.findings where wanted.contains(finding.rule) {
            if finding.rule.isSureAtOnce {
                let key = finding.rule.rawValue + "\n" + finding.subject + "\n" + finding.message
                if var known = sure[key] {
                    known.frames = FrameRange.folded(known.frames + finding.frames)
                    sure[key] = known
                } else {
                    sure[key] = finding
                }
                continue
            }
            current[finding.identity] = Candidate(finding: finding, firstSeen: seconds, lastSeen: seconds)
        }
        guard let known = candidates else {
            candidates = current
            isUncertain = !isOfOneMoment || collector.obstacles.values.contains { $0.isMidChange }
            return
        }
        var staying: [String: Candidate] = [:]
        for (identity, candidate) in known {
            let rule = candidate.finding.rule
            if let now = current.removeValue(forKey: identity) {
                staying[identity] = Candidate(
                    finding: now.finding, firstSeen: candidate.firstSeen, lastSeen: now.lastSeen,
                    sightings: candidate.sightings + 1)
                continue
            }
            switch collector.obstacles[rule] {
            case .notRun?: staying[identity] = candidate
            case .midChange? where rule.needsTime: staying[identity] = candidate
            case nil where rule.needsTime && !isOfOneMoment: staying[identity] = candidate
            default: inFlight[rule, default: 0] += 1
            }
        }
        for (identity, candidate) in current where candidate.finding.rule.needsTime && isUncertain {
            staying[identity] = candidate
        }
        isUncertain = isUncertain && (!isOfOneMoment || collector.obstacles.values.contains { $0.isMidChange })
        candidates = staying
    }

    /// The findings that a further sample has to bear out.
    var pending: [Finding] { candidates.map { $0.values.map(\.finding) } ?? [] }

    /// Rules whose subject was being changed at every sample so far.
    var unsettled: [RuleIdentifier] {
        rules.filter { rule in
            guard !checked.contains(rule), case .midChange? = obstacles[rule] else { return false }
            return true
        }
    }

    /// Strikes what turned out to move between samples.
    mutating func strike(_ identities: Set<String>) {
        for identity in identities {
            guard let candidate = candidates?.removeValue(forKey: identity) else { continue }
            inFlight[candidate.finding.rule, default: 0] += 1
        }
    }

    /// The findings and how each rule fared.
    mutating func conclusion() -> (findings: [Finding], rules: [AuditReport.RuleStatus]) {
        var outcomes: [RuleIdentifier: AuditReport.Outcome] = [:]
        for rule in rules { outcomes[rule] = outcome(of: rule) }
        var findings = Array(sure.values)
        var timeless: [RuleIdentifier: Int] = [:]
        for candidate in (candidates ?? [:]).values {
            var finding = candidate.finding
            guard isStill || candidate.sightings > 1 else {
                inFlight[finding.rule, default: 0] += 1
                continue
            }
            if finding.rule.needsTime {
                guard candidate.lastSeen > candidate.firstSeen else {
                    timeless[finding.rule, default: 0] += 1
                    continue
                }
                finding.age = candidate.lastSeen - candidate.firstSeen
            }
            finding.confidence = isStill ? .still : .confirmed
            findings.append(finding)
        }
        for (rule, count) in timeless {
            outcomes[rule] = .notRun(
                "the guest stands still, and how long a pin lives cannot be seen: \(count) pinned now, see 'inspectd pins'"
            )
        }
        findings.sort {
            ($1.severity, $0.rule, $0.frames.first?.first.rawValue ?? 0, $0.subject, $0.message)
                < ($0.severity, $1.rule, $1.frames.first?.first.rawValue ?? 0, $1.subject, $1.message)
        }
        let counts = Dictionary(grouping: findings, by: \.rule).mapValues(\.count)
        let statuses = rules.map { rule in
            AuditReport.RuleStatus(
                rule: rule, outcome: outcomes[rule] ?? .checked, findings: counts[rule] ?? 0,
                inFlight: inFlight[rule] ?? 0, omitted: omitted[rule] ?? 0)
        }
        return (findings, statuses)
    }

    private func outcome(of rule: RuleIdentifier) -> AuditReport.Outcome {
        if rule.isTraced { return .notRun("only a trace of the running guest can see it: inspectd trace hooks") }
        guard !checked.contains(rule), let obstacle = obstacles[rule] else { return .checked }
        switch obstacle {
        case .notRun(let reason): return .notRun(reason)
        case .midChange(let reason): return .unsettled(reason)
        }
    }
}

extension Finding {
    /// What must be the same in two samples: the rule, the frames and every value that it rests on.
    var identity: String {
        var text = "\(rule.rawValue)\n\(subject)"
        for range in frames { text += "\n\(range.first.rawValue)+\(range.count)" }
        for item in evidence { text += "\n\(item.name)=\(item.value)" }
        return text
    }
}
