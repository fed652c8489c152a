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
