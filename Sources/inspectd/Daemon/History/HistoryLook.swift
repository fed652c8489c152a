import FrameInspect

/// What the history takes from a look at a guest.
struct HistoryLook {
    /// A finding that is sure, with what makes its record.
    struct Sighting {
        var fingerprint: String
        var record: () -> HistoryFinding
    }

    var guest: String
    /// When it began, in milliseconds since 1970.
    var time: Int64
    /// The values of ``HistoryMetric/all``.
    var values: [Double?]
    /// The findings that are sure.
    var findings: [Sighting]
    /// The pins; nil where they could not be seen.
    var pins: [HistoryPin]?
    /// Whether the look could have shown a finding of a rule, and shows none of this fingerprint.
    var lacks: (_ fingerprint: String, _ rule: String) -> Bool
}

extension HistoryLook {
    /// What is taken from a sample.
    init(_ sample: GuestSample, guest: String) {
        let observation = sample.observation
        var seen: Set<String>?
        self.init(
            guest: guest, time: HistoryTime.milliseconds(sample.time), values: HistoryMetric.values(of: sample),
            findings: sample.findings.map { finding in
                Sighting(fingerprint: finding.fingerprint) { HistoryFinding(finding) }
            },
            pins: observation.books.ownership.status.isComplete ? sample.pins.map { HistoryPin($0) } : nil
        ) { fingerprint, rule in
            // A rule that is no more cannot show anything again.
            guard let rule = RuleIdentifier(rawValue: rule) else { return true }
            guard observation.canTell(rule) else { return false }
            let all = seen ?? observation.fingerprints
            seen = all
            return !all.contains(fingerprint)
        }
    }
}
