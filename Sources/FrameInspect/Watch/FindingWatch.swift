internal import GuestMemory

/// Follows findings over many looks at a guest: what stays the same is confirmed, what a look no longer shows is closed.
///
/// The policy is that of an audit (see decision 0007), without an end: a guest that runs must show a finding unchanged in several
/// looks, and a pin for some time, before it is told.
public struct FindingWatch: Sendable {
    /// What a look changed.
    public struct Changes: Sendable {
        /// Findings that were made sure of.
        public var opened: [WatchedFinding] = []
        /// Findings that were made sure of earlier and are gone.
        public var closed: [WatchedFinding] = []
    }

    /// How often a finding must be seen unchanged in a guest that runs.
    private let looks: Int
    /// How long a pin must be seen unchanged, in seconds.
    private let pinAge: Double
    private let rules: Set<RuleIdentifier>
    private var known: [String: WatchedFinding] = [:]
    /// How each rule fared in the last look: the reason where it could not be checked.
    public private(set) var obstacles: [RuleIdentifier: AuditCollector.Obstacle] = [:]

    /// A watch that knows nothing yet.
    ///
    /// - Parameters:
    ///   - rules: The rules whose findings are followed; nil for all.
    ///   - looks: How often a finding must be seen unchanged in a guest that runs.
    ///   - pinAge: How long a pin must be seen unchanged.
    public init(rules: Set<RuleIdentifier>? = nil, looks: Int = 3, pinAge: Duration = .seconds(2)) {
        self.rules = rules ?? Set(RuleIdentifier.allCases)
        self.looks = max(looks, 1)
        self.pinAge = pinAge.seconds
    }

    /// The findings that are sure and last, the worst first.
    public var open: [WatchedFinding] { known.values.filter { $0.confirmed != nil }.sorted(by: FindingWatch.isWorse) }

    /// Whether nothing is waiting to be made sure of.
    public var isSettled: Bool { known.values.allSatisfy { $0.confirmed != nil } }

    /// Takes a look's findings.
    public mutating func add(_ observation: Observation) -> Changes {
        add(
            observation.collector, at: observation.provenance.time, guestRuns: observation.guestRan,
            isOfOneMoment: observation.facts.isOfOneMoment)
    }

    mutating func add(
        _ collector: AuditCollector, at time: Double, guestRuns: Bool, isOfOneMoment: Bool
    ) -> Changes {
        obstacles = collector.obstacles
        var changes = Changes()
        var seen: Set<String> = []
        for (fingerprint, finding) in FindingWatch.joined(collector.findings) where rules.contains(finding.rule) {
            seen.insert(fingerprint)
            var entry = known[fingerprint] ?? WatchedFinding(finding, at: time)
            let identity = finding.identity
            if known[fingerprint] != nil {
                if identity == entry.identity {
                    entry.sightings += 1
                } else {
                    (entry.identity, entry.sightings, entry.unchangedSince) = (identity, 1, time)
                }
            }
            entry.finding = finding
            entry.lastSeen = time
            if finding.rule.needsTime { entry.finding.age = time - entry.unchangedSince }
            entry.finding.confidence = confidence(finding, guestRuns: guestRuns)
            if entry.confirmed == nil, isSure(entry, guestRuns: guestRuns) {
                entry.confirmed = time
                changes.opened.append(entry)
            }
            known[fingerprint] = entry
        }
        for (fingerprint, entry) in known where !seen.contains(fingerprint) {
            // A rule that could not look says nothing; and what was read while it moved may lack an entry that is there.
            guard collector.obstacles[entry.finding.rule] == nil, isOfOneMoment || !entry.finding.rule.needsTime else {
                continue
            }
            known[fingerprint] = nil
            guard entry.confirmed != nil else { continue }
            var gone = entry
            gone.closed = time
            changes.closed.append(gone)
        }
        changes.opened.sort(by: FindingWatch.isWorse)
        changes.closed.sort(by: FindingWatch.isWorse)
        return changes
    }

    /// Forgets everything, since the guest is another one now; what was sure is closed.
    public mutating func restart(at time: Double) -> Changes {
        let closed = open.map { entry in
            var entry = entry
            entry.closed = time
            return entry
        }
        known = [:]
        return Changes(closed: closed)
    }

    private func isSure(_ entry: WatchedFinding, guestRuns: Bool) -> Bool {
        let rule = entry.finding.rule
        if rule.needsTime {
            // What stands still does not grow older.
            return guestRuns && entry.sightings >= looks && entry.lastSeen - entry.unchangedSince >= pinAge
        }
        return rule.isSureAtOnce || !guestRuns || entry.sightings >= looks
    }

    private func confidence(_ finding: Finding, guestRuns: Bool) -> Confidence {
        if finding.rule.isSureAtOnce { return finding.confidence }
        return guestRuns ? .confirmed : .still
    }

    /// Findings about the same thing in one look are one.
    private static func joined(_ findings: [Finding]) -> [String: Finding] {
        var result: [String: Finding] = [:]
        for finding in findings {
            let fingerprint = finding.fingerprint
            if var first = result[fingerprint] {
                first.frames = FrameRange.folded(first.frames + finding.frames)
                result[fingerprint] = first
            } else {
                result[fingerprint] = finding
            }
        }
        return result
    }

    private static func isWorse(_ one: WatchedFinding, _ other: WatchedFinding) -> Bool {
        let (first, second) = (one.finding, other.finding)
        return (second.severity, first.rule, first.frames.first?.first.rawValue ?? 0, first.subject)
            < (first.severity, second.rule, second.frames.first?.first.rawValue ?? 0, second.subject)
    }
}
