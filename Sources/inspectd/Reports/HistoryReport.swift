import FrameInspect
import GuestMemory

/// What `history` shows.
struct HistoryReport {
    /// About how many points a metric has in the overview.
    static let overviewPoints: Int64 = 24

    /// The course of a metric.
    struct Series: Sendable, Equatable {
        var guest: String
        var metric: HistoryMetric
        /// In milliseconds since 1970.
        var from: Int64
        var to: Int64
        /// In milliseconds.
        var step: Int64
        /// The points that have a look, by time.
        var points: [HistoryReader.Point]

        /// The smallest and the largest value; nil where there is no look.
        var bounds: ClosedRange<Double>? {
            guard let low = points.map(\.min).min(), let high = points.map(\.max).max(), low <= high else { return nil }
            return low...high
        }

        /// The mean of all looks; nil where there is none.
        var mean: Double? {
            let looks = points.reduce(0) { $0 + $1.samples }
            guard looks > 0 else { return nil }
            return points.reduce(0) { $0 + $1.mean * Double($1.samples) } / Double(looks)
        }

        /// The mean of each step; nil where there is no look.
        var values: [Double?] {
            let count = Int(max(0, min((to - from + step - 1) / max(step, 1), HistoryRange.maximumPoints * 2)))
            var values = [Double?](repeating: nil, count: count)
            for point in points {
                let index = Int((point.time - from) / max(step, 1))
                if values.indices.contains(index) { values[index] = point.mean }
            }
            return values
        }
    }

    /// The file.
    var database: String
    /// Its size.
    var bytes: Int
    var guests: [HistoryReader.Guest]
    /// The course of the metric that was asked for; nil where none was.
    var series: Series?
    /// The course of every metric of the only guest; empty where there are several.
    var overview: [Series] = []
    /// Findings with their guest; nil where they were not asked for.
    var findings: [(guest: String, finding: HistoryFinding)]?
    /// Pins; nil where they were not asked for.
    var pins: [HistoryReader.StoredPin]?

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.history.document([
            ("database", .string(database)), ("bytes", .number(UInt64(max(bytes, 0)))),
            ("guests", .array(guests.map(\.json))),
            (
                "metrics",
                .array(
                    HistoryMetric.all.map {
                        .object([("name", .string($0.name)), ("unit", .string($0.unit)), ("text", .string($0.text))])
                    })
            ),
            ("series", series?.json ?? .null),
            (
                "findings",
                findings.map { list in
                    .array(list.map { .object([("guest", .string($0.guest)), ("finding", $0.finding.json)]) })
                } ?? .null
            ),
            ("pins", pins.map { .array($0.map(\.json)) } ?? .null),
        ])
    }
}

extension HistoryReader.Guest {
    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("guest", .string(name)), ("first", .string(first.map(HistoryTime.text))),
            ("last", .string(last.map(HistoryTime.text))), ("looks", .number(UInt64(looks))),
            ("minutes", .number(UInt64(minutes))), ("hours", .number(UInt64(hours))),
            ("openFindings", .number(UInt64(openFindings))), ("closedFindings", .number(UInt64(closedFindings))),
            ("openPins", .number(UInt64(openPins))), ("endedPins", .number(UInt64(endedPins))),
        ])
    }
}

extension HistoryReport.Series {
    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("guest", .string(guest)), ("metric", .string(metric.name)), ("unit", .string(metric.unit)),
            ("from", .string(HistoryTime.text(from))), ("to", .string(HistoryTime.text(to))),
            ("step", .amount(Double(step) / 1000)),
            (
                "points",
                .array(
                    points.map { point in
                        .object([
                            ("time", .string(HistoryTime.text(point.time))), ("min", .amount(point.min)),
                            ("mean", .amount(point.mean)), ("max", .amount(point.max)),
                            ("looks", .number(UInt64(max(point.samples, 0)))),
                        ])
                    })
            ),
        ])
    }
}

extension HistoryReader.StoredPin {
    /// How long it lasted, in milliseconds; nil while it lasts.
    var length: Int64? { ended.map { max($0 - pin.began, 0) } }

    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("guest", .string(guest)), ("address", .hex(FrameNumber(pin.key.frame).address.rawValue)),
            ("order", .number(UInt64(max(pin.key.order, 0)))), ("generation", .number(pin.key.generation)),
            ("pins", .number(pin.pins)), ("isOrphaned", .bool(pin.isOrphaned)),
            ("began", .string(HistoryTime.text(pin.began))), ("ended", .string(ended.map(HistoryTime.text))),
            ("seconds", length.map { .amount(Double($0) / 1000) } ?? .null),
        ])
    }
}
