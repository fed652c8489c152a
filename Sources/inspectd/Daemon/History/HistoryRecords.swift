import FrameInspect
import GuestMemory

/// A finding as the history keeps it.
struct HistoryFinding: Sendable, Equatable {
    var fingerprint: String
    var rule: String
    var severity: String
    var subject: String
    var message: String
    /// When it was seen first, in milliseconds since 1970.
    var opened: Int64
    /// When it was made sure of.
    var confirmed: Int64
    /// When a look no longer showed it; nil while it lasts.
    var closed: Int64?
    /// The frames as JSON.
    var frames: String
    /// All of it as JSON, as an audit shows it.
    var document: String

    /// The finding as the API shows it.
    var json: JSONValue {
        .object([
            ("id", .string(fingerprint)), ("rule", .string(rule)), ("severity", .string(severity)),
            ("subject", .string(subject)), ("message", .string(message)), ("opened", .string(HistoryTime.text(opened))),
            ("confirmed", .string(HistoryTime.text(confirmed))), ("closed", .string(closed.map(HistoryTime.text))),
            ("frames", .written(frames)), ("finding", .written(document)),
        ])
    }
}

extension HistoryFinding {
    /// What is kept of a finding that a watch made sure of.
    init(_ watched: WatchedFinding) {
        let finding = watched.finding
        let frames = finding.frames.map { range in
            JSONValue.object([("address", .hex(range.first.address.rawValue)), ("count", .number(range.count))])
        }
        self.init(
            fingerprint: watched.fingerprint, rule: finding.rule.rawValue, severity: finding.severity.rawValue,
            subject: finding.subject, message: finding.message, opened: HistoryTime.milliseconds(watched.opened),
            confirmed: HistoryTime.milliseconds(watched.confirmed ?? watched.opened),
            closed: watched.closed.map(HistoryTime.milliseconds), frames: JSONValue.array(frames).line,
            document: finding.json.line)
    }
}

/// A pin's life as the history keeps it.
struct HistoryPin: Sendable, Equatable {
    /// What tells it from other pins.
    struct Key: Hashable, Sendable {
        /// Number of the block's first frame.
        var frame: UInt64
        /// The block's order.
        var order: Int
        /// How often the frame had been claimed; nil where the kernel does not count that.
        var generation: UInt64?
    }

    var key: Key
    /// Pins when it was looked at last.
    var pins: UInt64
    /// Whether no capability held the block then.
    var isOrphaned: Bool
    /// When it was seen first, in milliseconds since 1970.
    var began: Int64
    /// When it was seen last.
    var lastSeen: Int64
}

extension HistoryPin {
    /// What is kept of a pin that a watch follows.
    init(_ life: PinWatch.Life) {
        self.init(
            key: Key(frame: life.head.rawValue, order: life.order, generation: life.generation), pins: life.pins,
            isOrphaned: life.isOrphaned, began: HistoryTime.milliseconds(life.firstSeen),
            lastSeen: HistoryTime.milliseconds(life.lastSeen))
    }
}

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
