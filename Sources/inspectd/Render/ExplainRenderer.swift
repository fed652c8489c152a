import FrameInspect

/// The text of `explain`.
enum ExplainRenderer {
    /// A page, with its headings marked.
    static func lines(page: String, style: Style) -> [String] {
        var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        guard style.isInteractive else { return lines }
        return lines.map { line in
            guard line.hasPrefix("#") else { return DisplayText.harmless(line) }
            return style.paint(String(line.drop { $0 == "#" || $0 == " " }), .heading)
        }
    }

    /// All findings, the catalogue's order.
    static func index(style: Style) -> [String] {
        var table = TextTable([.left("finding"), .left("severity"), .flexible("what it is")])
        for rule in RuleIdentifier.allCases {
            table.add([
                Cell(rule.rawValue, .accent), Cell(rule.severity.rawValue, rule.severity.tint),
                Cell(rule.summary + (rule.isTraced ? " (traced)" : "")),
            ])
        }
        return table.lines(style)
    }
}

extension Severity {
    /// Its look.
    var tint: Tint {
        switch self {
        case .error: .bad
        case .warning: .warning
        case .note: .dim
        }
    }
}
