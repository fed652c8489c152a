/// The text of `summary`.
enum SummaryRenderer {
    static func lines(_ report: SummaryReport, style: Style) -> [String] {
        var lines = [
            style.paint(style.number(report.frames) + " frames", .heading) + " of 4 KiB" + style.separator
                + Format.bytes(report.frames &* 4096)
        ]
        lines.append("")
        lines += flagTable(report, style: style)
        let wantsNotes = style.width.map { $0 >= 100 } ?? true
        let blocks = [
            groupTable("state", report.states, report.frames, wantsNotes: wantsNotes, style: style),
            groupTable("order", report.orders, report.frames, isNumber: true, wantsNotes: wantsNotes, style: style),
            groupTable("zone", report.zones, report.frames, wantsNotes: wantsNotes, style: style),
            groupTable(
                "refcount", report.refcounts, report.frames, isNumber: true, wantsNotes: wantsNotes, style: style),
        ].filter { !$0.isEmpty }
        if !blocks.isEmpty { lines += [""] + TextBlocks.arrange(blocks, style: style) }
        lines += [""] + ProvenanceRenderer.lines(report.provenance, style: style)
        return lines
    }

    private static func flagTable(_ report: SummaryReport, style: Style) -> [String] {
        var columns: [TextTable.Column] = [
            .right("flags"), .right("frames"), .right("MiB"), .right("share"), .left("letters"), .flexible("names"),
        ]
        let wantsBar = style.isInteractive && (style.width ?? 0) >= 96
        if wantsBar { columns.insert(.left("of all frames"), at: 4) }
        var table = TextTable(columns)
        let digits = report.flags.map { String($0.value, radix: 16).count }.max() ?? 1
        for group in report.flags {
            var cells = [
                Cell(Format.hex(group.value, digits: digits), .accent), Cell(style.number(group.frames)),
                Cell(style.mebibytes(frames: group.frames)),
                Cell(Format.percent(group.frames, of: report.frames), .dim),
                Cell(group.letters), Cell(group.names.isEmpty ? "(none)" : group.names.joined(separator: ",")),
            ]
            if wantsBar {
                let share = report.frames == 0 ? 0 : Double(group.frames) / Double(report.frames)
                cells.insert(Cell(ProgressBar.bar(share: share, width: 20, style: style), .accent), at: 4)
            }
            table.add(cells)
        }
        table.addTotal([
            Cell("total", .heading), Cell(style.number(report.frames), .heading),
            Cell(style.mebibytes(frames: report.frames), .heading),
        ])
        return table.lines(style)
    }

    private static func groupTable(
        _ key: String, _ groups: [SummaryReport.Group], _ total: UInt64, isNumber: Bool = false, wantsNotes: Bool,
        style: Style
    ) -> [String] {
        guard !groups.isEmpty else { return [] }
        var columns: [TextTable.Column] = [
            isNumber ? .right(key) : .left(key), .right("frames"), .right("MiB"), .right("share"),
        ]
        let hasNotes = wantsNotes && groups.contains { $0.note != nil }
        if hasNotes { columns.append(.flexible("meaning")) }
        var table = TextTable(columns)
        for group in groups {
            var cells = [
                Cell(group.label, group.colour.map { .kind($0) }), Cell(style.number(group.frames)),
                Cell(style.mebibytes(frames: group.frames)), Cell(Format.percent(group.frames, of: total), .dim),
            ]
            if hasNotes { cells.append(Cell(group.note ?? "", .dim)) }
            table.add(cells)
        }
        return table.lines(style)
    }
}
