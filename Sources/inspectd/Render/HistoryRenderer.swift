import FrameInspect
import GuestMemory

/// The text of `history`.
enum HistoryRenderer {
    static func lines(_ report: HistoryReport, style: Style) -> [String] {
        if let series = report.series { return lines(series, style: style) }
        if let findings = report.findings { return lines(findings, style: style) }
        if let pins = report.pins { return lines(pins, style: style) }
        let headline =
            style.paint(DisplayText.harmless(report.database), .heading) + style.separator
            + Format.bytes(UInt64(max(report.bytes, 0)))
        guard !report.guests.isEmpty else { return [headline, "", "No guest was looked at yet."] }
        return [headline, ""] + guests(report.guests, style: style) + [""] + metrics(report, style: style)
    }

    private static func guests(_ guests: [HistoryReader.Guest], style: Style) -> [String] {
        var table = TextTable([
            .left("guest"), .left("from"), .left("to"), .right("looks"), .right("minutes"), .right("hours"),
            .right("findings open"), .right("closed"), .right("pins"), .right("ended"),
        ])
        for guest in guests {
            table.add([
                Cell(guest.name, .accent), Cell(guest.first.map(short) ?? ""), Cell(guest.last.map(short) ?? ""),
                Cell(style.number(UInt64(guest.looks))), Cell(style.number(UInt64(guest.minutes))),
                Cell(style.number(UInt64(guest.hours))),
                Cell(style.number(UInt64(guest.openFindings)), guest.openFindings > 0 ? .bad : nil),
                Cell(style.number(UInt64(guest.closedFindings))), Cell(style.number(UInt64(guest.openPins))),
                Cell(style.number(UInt64(guest.endedPins))),
            ])
        }
        return table.lines(style)
    }

    private static func metrics(_ report: HistoryReport, style: Style) -> [String] {
        guard !report.overview.isEmpty else {
            var table = TextTable([.left("metric"), .left("unit"), .flexible("meaning")])
            for metric in HistoryMetric.all {
                table.add([Cell(metric.name, .accent), Cell(metric.unit), Cell(metric.text)])
            }
            return table.lines(style)
        }
        var columns: [TextTable.Column] = [
            .left("metric"), .left("unit"), .right("smallest"), .right("mean"), .right("largest"),
        ]
        if style.isInteractive { columns.append(.left("course")) }
        var table = TextTable(columns)
        for series in report.overview {
            let plot = HistoryPlot(series.values, columns: Int(HistoryReport.overviewPoints) + 1, style: style)
            let bounds = series.bounds
            table.add([
                Cell(series.metric.name, .accent), Cell(series.metric.unit),
                Cell(bounds.map { HistoryPlot.number($0.lowerBound, style) } ?? ""),
                Cell(series.mean.map { HistoryPlot.number($0, style) } ?? ""),
                Cell(bounds.map { HistoryPlot.number($0.upperBound, style) } ?? ""), Cell(plot.line),
            ])
        }
        return table.lines(style)
    }

    private static func lines(_ series: HistoryReport.Series, style: Style) -> [String] {
        guard let bounds = series.bounds, let mean = series.mean else {
            return [
                "No look at \(series.guest) is kept from \(short(series.from)) to \(short(series.to)) with \(series.metric.name)."
            ]
        }
        guard style.isInteractive else {
            var table = TextTable([.left("time"), .right("min"), .right("mean"), .right("max"), .right("looks")])
            for point in series.points {
                table.add([
                    Cell(HistoryTime.text(point.time)), Cell(HistoryPlot.number(point.min, style)),
                    Cell(HistoryPlot.number(point.mean, style)), Cell(HistoryPlot.number(point.max, style)),
                    Cell(style.number(UInt64(max(point.samples, 0)))),
                ])
            }
            return table.lines(style)
        }
        let plot = HistoryPlot(series.values, columns: HistoryPlot.columns(style.width ?? 80), style: style)
        let step = Format.duration(nanoseconds: UInt64(max(series.step, 0)) * 1_000_000, unicode: style.unicode)
        let looks = series.points.reduce(Int64(0)) { $0 + $1.samples }
        return [
            style.paint("\(series.metric.name) of \(DisplayText.harmless(series.guest))", .heading) + style.separator
                + series.metric.text,
            "",
        ] + plot.lines + [
            "",
            "\(short(series.from)) to \(short(series.to))\(style.separator)mean of \(step) each",
            "smallest \(HistoryPlot.number(bounds.lowerBound, style))\(style.separator)"
                + "mean \(HistoryPlot.number(mean, style))\(style.separator)"
                + "largest \(HistoryPlot.number(bounds.upperBound, style)) \(series.metric.unit)\(style.separator)"
                + "\(style.number(UInt64(max(looks, 0)))) looks",
        ]
    }

    private static func lines(_ findings: [(guest: String, finding: HistoryFinding)], style: Style) -> [String] {
        guard !findings.isEmpty else { return ["No finding is kept of this time."] }
        var table = TextTable([
            .left("guest"), .left("severity"), .left("rule"), .left("opened"), .left("closed"), .right("lasted"),
            .flexible("message"),
        ])
        for (guest, finding) in findings {
            let tint: Tint? =
                switch Severity(rawValue: finding.severity) {
                case .error?: .bad
                case .warning?: .warning
                default: nil
                }
            table.add([
                Cell(guest), Cell(finding.severity, tint), Cell(finding.rule, .accent), Cell(short(finding.opened)),
                Cell(finding.closed.map(short) ?? "open", finding.closed == nil ? .bad : nil),
                Cell(finding.closed.map { length($0 - finding.opened, style) } ?? ""), Cell(finding.message),
            ])
        }
        return table.lines(style)
    }

    private static func lines(_ pins: [HistoryReader.StoredPin], style: Style) -> [String] {
        guard !pins.isEmpty else { return ["No pin is kept of this time."] }
        var table = TextTable([
            .left("guest"), .left("block"), .right("order"), .right("generation"), .right("pins"), .left("owner"),
            .left("from"), .left("to"), .right("lasted"),
        ])
        for stored in pins {
            let pin = stored.pin
            table.add([
                Cell(stored.guest), Cell(Format.hex(FrameNumber(pin.key.frame).address.rawValue), .accent),
                Cell("\(pin.key.order)"), Cell(pin.key.generation.map { style.number($0) } ?? ""),
                Cell(style.number(pin.pins)), pin.isOrphaned ? Cell("none", .bad) : Cell("yes"),
                Cell(short(pin.began)), Cell(stored.ended.map(short) ?? "pinned"),
                Cell(stored.length.map { length($0, style) } ?? ""),
            ])
        }
        return table.lines(style)
    }

    /// A moment to the second.
    private static func short(_ time: Int64) -> String { String(HistoryTime.text(time).prefix(19)) + "Z" }

    private static func length(_ milliseconds: Int64, _ style: Style) -> String {
        Format.duration(nanoseconds: UInt64(max(milliseconds, 0)) &* 1_000_000, unicode: style.unicode)
    }
}
