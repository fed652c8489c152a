import FrameInspect

/// A number that the history keeps of each look at a guest.
struct HistoryMetric: Sendable, Equatable {
    /// Its name in the API, on the command line and in the database.
    var name: String
    /// What it counts.
    var unit: String
    /// What it means, in a sentence without a full stop.
    var text: String

    /// All of them, in the order in which they are shown.
    static let all: [HistoryMetric] =
        FrameState.allCases.map { HistoryMetric(name: "frames.\($0.name)", unit: "frames", text: $0.text) }
        + [
            HistoryMetric(name: "pins", unit: "pins", text: "pinned blocks"),
            HistoryMetric(name: "pins.orphaned", unit: "pins", text: "pinned blocks that no capability holds"),
        ] + pinAges
        + Severity.allCases.reversed().map {
            HistoryMetric(
                name: "findings.\($0.rawValue)", unit: "findings",
                text: "findings of severity \($0.rawValue) that are sure")
        }
        + [
            HistoryMetric(
                name: "pause.seconds", unit: "seconds", text: "for how long the guest was stopped for the look"),
            HistoryMetric(name: "read.seconds", unit: "seconds", text: "how long the look took"),
            HistoryMetric(
                name: "record.bytes", unit: "bytes", text: "size of the record of the slots that the look found changed"
            ),
        ]

    /// The metric of a name.
    static func named(_ name: String) throws(CommandError) -> HistoryMetric {
        guard let metric = all.first(where: { $0.name == name }) else {
            let hint =
                Suggestion.closest(to: name, among: all.map(\.name)).map { "did you mean \($0)?" }
                ?? "without a metric, all are listed"
            throw CommandError(.usage, "there is no metric '\(DisplayText.harmless(name))'; \(hint)")
        }
        return metric
    }

    /// The values of a look, in the order of ``all``; nil where there is none.
    static func values(of sample: GuestSample) -> [Double?] {
        let frames = Dictionary(sample.states.map { ($0.name, $0.frames) }, uniquingKeysWith: { $0 &+ $1 })
        let findings = Dictionary(grouping: sample.findings, by: \.finding.severity).mapValues(\.count)
        var values = FrameState.allCases.map { Double?.some(Double(frames[$0.name] ?? 0)) }
        values += [Double(sample.pins.count), Double(sample.orphanedPins)]
        values += sample.pinAges.map { Double($0) }
        values += Severity.allCases.reversed().map { Double(findings[$0] ?? 0) }
        return values + [sample.observation.provenance.pauseSeconds, sample.seconds, Double(sample.recordBytes)]
    }

    private static var pinAges: [HistoryMetric] {
        func age(_ seconds: Double) -> String {
            if seconds < 1 { return Format.fixed(seconds * 1000, decimals: 0) + "ms" }
            return seconds < 60
                ? Format.fixed(seconds, decimals: 0) + "s" : Format.fixed(seconds / 60, decimals: 0) + "min"
        }
        let ends = PinWatch.buckets.map(age)
        var metrics = ends.enumerated().map { index, end in
            HistoryMetric(
                name: "pins.up-to-\(end)", unit: "pins",
                text: index == 0
                    ? "pins that were seen for at most \(end)"
                    : "pins that were seen for more than \(ends[index - 1]) and at most \(end)")
        }
        if let last = ends.last {
            metrics.append(
                HistoryMetric(
                    name: "pins.older-than-\(last)", unit: "pins", text: "pins that were seen for more than \(last)"))
        }
        return metrics
    }
}
