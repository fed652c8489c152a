/// What `history` is asked for.
struct HistoryQuery: Sendable {
    var guest: String?
    var metric: HistoryMetric?
    /// In milliseconds since 1970.
    var from: Int64?
    var to: Int64?
    /// In milliseconds.
    var step: Int64?
    /// About how many points there shall be where the step is chosen.
    var points = HistoryRange.usualPoints
    var wantsFindings = false
    var wantsPins = false

    /// Gathers what is shown.
    func report(_ reader: HistoryReader, path: String) throws -> HistoryReport {
        let size = try reader.size()
        var report = HistoryReport(database: path, bytes: size.total, guests: try reader.guests())
        let chosen = try chosen(reader)
        if let metric {
            let guest = try single(chosen)
            report.series = try series(reader, guest, metric)
        } else if wantsFindings {
            report.findings = try chosen.flatMap { guest in
                try reader.findings(guest.id, from: from ?? 0, to: to ?? .max, open: true).map { (guest.name, $0) }
            }
        } else if wantsPins {
            var pins: [HistoryReader.StoredPin] = []
            try reader.forEachPin(guests: chosen, from: from ?? 0, to: to ?? .max) { pins.append($0) }
            report.pins = pins
        } else if chosen.count == 1, let guest = chosen.first {
            report.overview = try HistoryMetric.all.compactMap { metric in
                guard try reader.has(metric) else { return nil }
                return try series(reader, guest, metric, points: HistoryReport.overviewPoints)
            }
        }
        return report
    }

    /// Writes the rows of what is asked for.
    func export(_ reader: HistoryReader, to rows: inout HistoryExport) throws {
        let chosen = try chosen(reader)
        let (from, to) = (from ?? 0, to ?? .max)
        if wantsFindings {
            try rows.beginFindings()
            for guest in chosen {
                for finding in try reader.findings(guest.id, from: from, to: to, open: true) {
                    try rows.add(finding, guest: guest.name)
                }
            }
        } else if wantsPins {
            try rows.beginPins()
            try reader.forEachPin(guests: chosen, from: from, to: to) { try rows.add($0) }
        } else if let metric, step != nil {
            try rows.beginValues()
            for guest in chosen {
                let series = try series(reader, guest, metric)
                for point in series.points {
                    try rows.add(
                        HistoryReader.StoredValue(
                            guest: guest.name, metric: metric.name, resolution: series.step, point: point))
                }
            }
        } else {
            try rows.beginValues()
            try reader.forEachValue(guests: chosen, metric.map { [$0] } ?? HistoryMetric.all, from: from, to: to) {
                try rows.add($0)
            }
        }
    }

    private func chosen(_ reader: HistoryReader) throws -> [(id: Int64, name: String)] {
        let names = try reader.guests().map(\.name)
        if let guest, !names.contains(guest) {
            let list = names.isEmpty ? "there are none" : "there are: " + names.joined(separator: ", ")
            throw CommandError(.usage, "the history knows no guest '\(DisplayText.harmless(guest))'; \(list)")
        }
        return try (guest.map { [$0] } ?? names).compactMap { name in
            try reader.guest(name).map { (id: $0, name: name) }
        }
    }

    private func single(_ guests: [(id: Int64, name: String)]) throws -> (id: Int64, name: String) {
        guard let first = guests.first else { throw CommandError(.usage, "the history knows no guest yet") }
        guard guests.count == 1 else {
            throw CommandError(
                .usage, "choose one guest with --guest: " + guests.map(\.name).joined(separator: ", "))
        }
        return first
    }

    private func series(
        _ reader: HistoryReader, _ guest: (id: Int64, name: String), _ metric: HistoryMetric, points: Int64? = nil
    ) throws -> HistoryReport.Series {
        let span = try reader.span(guest.id) ?? 0...0
        let (first, last) = (from ?? span.lowerBound, to ?? span.upperBound + 1)
        guard from != nil || to != nil || first < last else {
            return HistoryReport.Series(
                guest: guest.name, metric: metric, from: first, to: last, step: 1000, points: [])
        }
        let range = try HistoryRange(from: first, to: last, step: step, points: points ?? self.points) {
            try reader.finestStep(guest.id, from: first, to: last)
        }
        return HistoryReport.Series(
            guest: guest.name, metric: metric, from: range.from, to: range.to, step: range.step,
            points: try reader.points(guest.id, metric, range))
    }
}
