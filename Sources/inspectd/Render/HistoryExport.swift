import ArgumentParser
import FrameInspect

/// Writes rows of a history for other programs, one by one.
struct HistoryExport {
    /// The forms.
    enum Form: String, Sendable, CaseIterable, ExpressibleByArgument {
        case csv, ndjson
    }

    private let form: Form
    private let writer: OutputWriter

    init(form: Form, writer: OutputWriter) {
        self.form = form
        self.writer = writer
    }

    /// Writes the names of the columns of values.
    func beginValues() throws {
        try begin(["guest", "metric", "time", "seconds", "min", "mean", "max", "looks"])
    }

    /// Writes a value; `seconds` is the time that it stands for, 0 for a single look.
    func add(_ value: HistoryReader.StoredValue) throws {
        let point = value.point
        try write([
            ("guest", .string(value.guest)), ("metric", .string(value.metric)),
            ("time", .string(HistoryTime.text(point.time))), ("seconds", .amount(Double(value.resolution) / 1000)),
            ("min", .amount(point.min)), ("mean", .amount(point.mean)), ("max", .amount(point.max)),
            ("looks", .number(UInt64(max(point.samples, 0)))),
        ])
    }

    /// Writes the names of the columns of findings.
    func beginFindings() throws {
        try begin([
            "guest", "id", "rule", "severity", "subject", "message", "opened", "confirmed", "closed", "frames",
            "finding",
        ])
    }

    /// Writes a finding.
    func add(_ finding: HistoryFinding, guest: String) throws {
        guard case .object(let members) = finding.json else { return }
        try write([("guest", .string(guest))] + members.list.map { ($0.key, $0.value) })
    }

    /// Writes the names of the columns of pins.
    func beginPins() throws {
        try begin([
            "guest", "address", "order", "generation", "pins", "isOrphaned", "began", "ended", "seconds",
        ])
    }

    /// Writes a pin.
    func add(_ pin: HistoryReader.StoredPin) throws {
        guard case .object(let members) = pin.json else { return }
        try write(members.list.map { ($0.key, $0.value) })
    }

    private func begin(_ names: [String]) throws {
        if form == .csv { try writer.write(CSV.line(names) + "\n") }
    }

    private func write(_ row: [(String, JSONValue)]) throws {
        switch form {
        case .ndjson: try writer.write(JSONValue.object(row).line + "\n")
        case .csv:
            let fields = row.map { _, value in
                switch value {
                case .null: ""
                case .string(let text): text
                default: value.line
                }
            }
            try writer.write(CSV.line(fields) + "\n")
        }
    }
}
