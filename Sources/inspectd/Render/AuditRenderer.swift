import CallGraph
import FrameInspect

/// The text of `audit`.
enum AuditRenderer {
    static func lines(_ document: AuditDocument, style: Style) -> [String] {
        let report = document.report
        var lines = [headline(document, style: style), ""]
        for finding in report.findings { lines += FindingRenderer.lines(finding, style: style) + [""] }
        lines += rules(report, style: style)
        return lines + [""] + ProvenanceRenderer.lines(document.provenance, style: style)
    }

    private static func headline(_ document: AuditDocument, style: Style) -> String {
        let report = document.report
        var counts: [String] = []
        for severity in [Severity.error, .warning, .note] {
            let count = report.findings.count { $0.severity == severity }
            guard count > 0 else { continue }
            counts.append(style.paint("\(count) \(severity.rawValue)\(count == 1 ? "" : "s")", severity.tint))
        }
        let verdict = counts.isEmpty ? style.paint("no findings", .good) : counts.joined(separator: ", ")
        var parts = ["\(style.number(report.slots)) frames"]
        if let owners = report.owners { parts.append("\(style.number(UInt64(owners))) owned blocks") }
        parts.append("\(report.hooks) \(report.hooks == 1 ? "hook" : "hooks")")
        var text = "\(verdict) in \(parts.joined(separator: ", "))"
        if document.leftOut > 0 { text += style.paint("; \(document.leftOut) left out by the baseline", .dim) }
        return text
    }

    private static func rules(_ report: AuditReport, style: Style) -> [String] {
        let checked = report.rules.count { $0.outcome == .checked }
        let samples = "\(report.samples) \(report.samples == 1 ? "sample" : "samples")"
        let lines = [style.paint("\(checked) of \(report.rules.count) rules checked, \(samples)", .heading)]
        var table = TextTable(
            [.left("rule"), .left("outcome"), .flexible("reason")], indent: 2, hasHeader: false)
        for status in report.rules {
            switch status.outcome {
            case .checked: break
            case .notRun(let reason):
                table.add([Cell(status.rule.rawValue), Cell("not run", .warning), Cell(reason, .dim)])
            case .unsettled(let reason):
                table.add([Cell(status.rule.rawValue), Cell("unsettled", .warning), Cell(reason, .dim)])
            }
            if status.inFlight > 0 {
                table.add([
                    Cell(status.rule.rawValue), Cell("in flight", .dim),
                    Cell("\(status.inFlight) seen once and gone or changed at the next look", .dim),
                ])
            }
            if status.omitted > 0 {
                table.add([
                    Cell(status.rule.rawValue), Cell("cut", .warning),
                    Cell("\(status.omitted) more findings are not listed", .dim),
                ])
            }
        }
        return lines + table.lines(style)
    }
}
