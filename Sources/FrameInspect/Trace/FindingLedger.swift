internal import GuestMemory

/// Findings of a trace, each kind of fault once with the number of times it was seen.
struct FindingLedger: Sendable {
    /// The most faults that are told apart, and the most ranges of frames that each shows.
    private static let limit = 1000
    private static let rangeLimit = 256

    private var positions: [String: Int] = [:]
    private var findings: [Finding] = []
    private var counts: [Int] = []
    /// Findings beyond the limit.
    private(set) var omitted = 0

    /// Adds a finding.
    ///
    /// - Returns: Whether it is the first of its kind.
    mutating func add(_ finding: Finding) -> Bool {
        if let position = positions[finding.fingerprint] {
            counts[position] += 1
            if findings[position].frames.count < FindingLedger.rangeLimit {
                findings[position].frames = FrameRange.folded(findings[position].frames + finding.frames)
            }
            return false
        }
        guard findings.count < FindingLedger.limit else {
            omitted += 1
            return false
        }
        positions[finding.fingerprint] = findings.count
        findings.append(finding)
        counts.append(1)
        return true
    }

    /// The findings, the worst first.
    var all: [Finding] {
        zip(findings, counts).map { finding, count in
            var finding = finding
            if count > 1 {
                finding.evidence.insert(
                    Evidence("seen", "\(count) times, the first one is shown", from: "trace"), at: 0)
            }
            return finding
        }.sorted { ($1.severity, $0.rule, $0.subject) < ($0.severity, $1.rule, $1.subject) }
    }
}
