import CallGraph
import Foundation
import FrameInspect
import GuestMemory

/// One finding as text.
enum FindingRenderer {
    static func lines(_ finding: Finding, style: Style) -> [String] {
        var lines = [
            style.paint(finding.severity.rawValue, finding.severity.tint) + "  "
                + style.paint(finding.rule.rawValue, .heading) + "  " + frames(finding.frames, style: style)
        ]
        lines += TextBlocks.wrap(finding.message, style: style, indent: 2)
        if let place = finding.place.map({ CodeLocation($0) }) {
            let parts = [place.symbol, place.source, place.place.isEmpty ? nil : place.place].compactMap { $0 }
            if !parts.isEmpty { lines.append("  " + style.paint(parts.joined(separator: style.separator), .dim)) }
        }
        lines += path(finding.path, style: style)
        if let age = finding.age {
            lines.append("  unchanged for \(Format.fixed(age, decimals: 1)) s, in every sample")
        }
        lines += evidence(finding.evidence, style: style)
        lines.append(
            "  " + style.paint(finding.next, .accent) + style.paint("; ", .dim)
                + style.paint("inspectd explain \(finding.rule.rawValue)", .accent))
        return lines
    }

    /// Frames as ranges of addresses; a long list is cut.
    static func frames(_ ranges: [FrameRange], style: Style) -> String {
        guard !ranges.isEmpty else { return "" }
        let shown = ranges.prefix(3).map { range in
            let start = Format.hex(range.first.address.rawValue)
            return range.count == 1
                ? start : "\(start)..\(Format.hex(range.first.address.rawValue &+ range.count << 12))"
        }
        let total = ranges.reduce(UInt64(0)) { $0 &+ $1.count }
        var text = shown.joined(separator: " ")
        if ranges.count > 3 { text += " \(style.ellipsis)" }
        if total > 1 { text += style.paint(" (\(style.number(total)) frames)", .dim) }
        return text
    }

    /// The way from a hook to what it must not do, one step a line.
    static func path(_ path: [PathStep], style: Style) -> [String] {
        guard !path.isEmpty else { return [] }
        var table = TextTable(
            [.flexible("step", cutsMiddle: true), .flexible("source", cutsMiddle: true), .flexible("instruction")],
            indent: 4, hasHeader: false)
        for (number, step) in path.enumerated() {
            let arrow = number == 0 ? "" : style.unicode ? "→ " : "-> "
            table.add([
                Cell("\(arrow)\(step.function) +\(Format.hex(step.offset))"), Cell(shortened(step.source), .dim),
                Cell(step.instruction ?? "", .dim),
            ])
            for inlined in step.inlinedBy {
                table.add([Cell("   inlined: \(inlined.function)", .dim), Cell(shortened(inlined.source), .dim)])
            }
        }
        return table.lines(style)
    }

    /// A source place; the compiler's own library is shown without the hash of its version.
    private static func shortened(_ source: String?) -> String {
        guard let source else { return "" }
        guard source.hasPrefix("/rustc/"), let library = source.range(of: "/library/") else { return source }
        return "rust:" + source[library.upperBound...]
    }

    private static func evidence(_ evidence: [Evidence], style: Style) -> [String] {
        var table = TextTable(
            [.left("name"), .left("value"), .left("address"), .flexible("source", cutsMiddle: true)], indent: 4,
            hasHeader: false)
        for item in evidence {
            let address = item.virtual.map { Format.hex($0.rawValue) } ?? item.physical.map { Format.hex($0.rawValue) }
            table.add([
                Cell(item.name, .dim), Cell(item.value), Cell(address ?? "", .accent), Cell(item.source, .dim),
            ])
        }
        return table.lines(style)
    }
}
