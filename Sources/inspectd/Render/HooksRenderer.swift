import CallGraph
import FrameInspect
import GuestMemory

/// The text of `hooks`.
enum HooksRenderer {
    static func lines(_ report: HooksReport, isDetailed: Bool, style: Style) -> [String] {
        let count = report.hooks.count
        var lines = [style.paint("\(count) installed \(count == 1 ? "hook" : "hooks")", .heading), ""]
        for entry in report.hooks { lines += self.lines(entry, isDetailed: isDetailed, style: style) + [""] }
        return lines + ProvenanceRenderer.lines(report.provenance, style: style)
    }

    private static func lines(_ entry: HookSurvey.Entry, isDetailed: Bool, style: Style) -> [String] {
        let use = entry.use
        let (word, tint): (String, Tint) =
            switch entry.proof?.verdict {
            case .clean: ("clean", .good)
            case .violates: ("violates", .bad)
            case .unproven, nil: ("unproven", .warning)
            }
        let location = CodeLocation(use.place)
        let total = use.frames.reduce(UInt64(0)) { $0 &+ $1.count }
        var lines = [
            style.paint(word, tint) + "  " + style.paint(use.name, .heading)
                + style.paint(
                    "  \(use.roles.joined(separator: ", ")) of \(style.number(total)) frames", .dim)
        ]
        let parts = [Format.hex(location.address), location.source, location.place.isEmpty ? nil : location.place]
        lines.append("  " + style.paint(parts.compactMap { $0 }.joined(separator: style.separator), .dim))
        let vtables = use.vtables.map { $0.symbolText ?? Format.hex($0.address.rawValue) }.joined(separator: ", ")
        lines += TextBlocks.wrap("in \(vtables)", style: style, indent: 2, hanging: 3).map { style.paint($0, .dim) }
        if let problem = entry.problem { lines += TextBlocks.wrap("not proved: \(problem)", style: style, indent: 2) }
        guard let proof = entry.proof else { return lines }
        for violation in proof.violations {
            lines.append("  " + style.paint(violation.kind.rawValue, .bad) + "  " + violation.sink)
            lines += FindingRenderer.path(violation.path, style: style)
        }
        for gap in proof.gaps {
            lines += TextBlocks.wrap("unproven: \(gap.text)", style: style, indent: 2, hanging: 2)
            lines += FindingRenderer.path(gap.path, style: style)
        }
        if proof.omitted > 0 { lines.append("  \(proof.omitted) more are not described") }
        for function in proof.notVisited {
            lines.append("  not looked into: \(function.name), \(function.reason)")
        }
        let functions = proof.visited.count
        let instructions = proof.visited.reduce(0) { $0 + $1.instructions }
        lines.append(
            style.paint(
                "  \(instructions) instructions in \(functions) \(functions == 1 ? "function" : "functions") looked at",
                .dim))
        if isDetailed {
            var table = TextTable([.right(""), .flexible("", cutsMiddle: true)], indent: 4, hasHeader: false)
            for function in proof.visited { table.add([Cell("\(function.instructions)"), Cell(function.name)]) }
            lines += table.lines(style)
        }
        return lines
    }
}
