/// The text of `doctor`: what was checked, part by part, and the verdict.
enum DoctorRenderer {
    static func lines(_ report: DoctorReport, style: Style) -> [String] {
        var lines: [String] = []
        lines += section("Connection", report.connection, style: style)
        if !report.ram.isEmpty {
            let total = report.ram.reduce(UInt64(0)) { $0 &+ $1.length }
            lines += ["", style.paint("RAM", .heading) + "  " + Format.bytes(total)]
            var table = TextTable(
                [.left("from"), .left("to"), .right("size"), .flexible("block")], indent: 2, hasHeader: false)
            let digits = report.ram.map { String($0.start &+ $0.length, radix: 16).count }.max() ?? 1
            for region in report.ram {
                let block = region.block.isEmpty ? "" : "\(region.block) @\(Format.hex(region.blockOffset))"
                table.add([
                    Cell(Format.hex(region.start, digits: digits), .accent),
                    Cell(Format.hex(region.start &+ region.length, digits: digits), .accent),
                    Cell(Format.bytes(region.length)),
                    Cell(block + (region.isReadOnly ? " (read-only)" : ""), .dim),
                ])
            }
            lines += table.lines(style)
        }
        if !report.ways.isEmpty {
            lines += ["", style.paint("Ways to read memory", .heading) + "  best first"]
            for way in report.ways {
                let name = way.name + String(repeating: " ", count: max(0, 10 - way.name.count))
                let mark = style.mark(way.isUsable)
                let pad = DisplayText.padding(mark.text, to: style.unicode ? 1 : 3)
                let text = way.detail + (way.isChosen ? " (taken)" : "")
                let hanging = 2 + (style.unicode ? 1 : 3) + 1 + 10
                let wrapped = TextBlocks.wrap(
                    String(repeating: "x", count: hanging) + " " + text, style: style, hanging: hanging + 1)
                for (index, line) in wrapped.enumerated() {
                    guard index == 0 else {
                        lines.append(line)
                        continue
                    }
                    let rest = String(line.dropFirst(hanging))
                    let look: Tint? = way.isChosen ? .heading : nil
                    lines.append("  " + style.paint(mark.text, mark.tint) + pad + " " + style.paint(name, look) + rest)
                }
            }
        }
        if !report.image.isEmpty { lines += [""] + section("Kernel image", report.image, style: style) }
        if !report.anchors.isEmpty {
            lines += ["", style.paint("Anchors", .heading)]
            var table = TextTable(
                [.left(""), .left("name"), .left("address"), .right("value"), .flexible("detail", cutsMiddle: true)],
                indent: 2, hasHeader: false)
            for anchor in report.anchors {
                table.add([
                    style.mark(anchor.address != nil), Cell(anchor.name),
                    Cell(anchor.address.map { Format.hex($0) } ?? "", .accent),
                    Cell(anchor.value.map { Format.hex($0) } ?? ""), Cell(anchor.detail ?? "", .dim),
                ])
            }
            lines += table.lines(style)
        }
        let mark = style.unicode ? (report.isUsable ? "✓ " : "✗ ") : ""
        lines.append("")
        for (index, line) in TextBlocks.wrap(mark + report.verdict, style: style, hanging: mark.count).enumerated() {
            lines.append(index == 0 ? style.paint(line, report.isUsable ? .good : .bad) : line)
        }
        return lines
    }

    private static func section(_ title: String, _ checks: [DoctorReport.Check], style: Style) -> [String] {
        guard !checks.isEmpty else { return [] }
        var lines = [style.paint(title, .heading)]
        let nameWidth = checks.map { DisplayText.width($0.name) }.max() ?? 0
        let markWidth = style.unicode ? 1 : 3
        for check in checks {
            let mark = check.outcome == .info ? Cell("") : style.mark(check.outcome == .yes)
            let start =
                "  " + style.paint(mark.text, mark.tint) + DisplayText.padding(mark.text, to: markWidth) + " "
                + check.name + DisplayText.padding(check.name, to: nameWidth) + "  "
            let indent = 2 + markWidth + 1 + nameWidth + 2
            let filler = String(repeating: "x", count: indent)
            for (index, line) in TextBlocks.wrap(filler + check.value, style: style, hanging: indent).enumerated() {
                lines.append(index == 0 ? start + line.dropFirst(indent) : line)
            }
            if let hint = check.hint {
                lines += TextBlocks.wrap(hint, style: style, indent: indent).map { style.paint($0, .dim) }
            }
        }
        return lines
    }
}
