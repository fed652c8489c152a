/// The text of `frame`: state and place, the raw slot, the fields, the block, the vtable.
enum FrameRenderer {
    static func lines(_ report: FrameReport, style: Style) -> [String] {
        var lines = [
            style.paint("Frame \(Format.hex(report.address))", .heading) + style.separator
                + "number \(style.number(report.address >> 12))"
                + (report.zone.map { style.separator + "zone \($0)" } ?? "")
        ]
        if report.requested != report.address {
            lines.append(style.paint("\(Format.hex(report.requested)) lies in this frame", .dim))
        }
        lines.append(style.paint(report.state, report.colour.map { .kind($0) } ?? .heading) + ": " + report.stateText)
        lines.append("")
        var place = "Slot"
        if let address = report.slotVirtual { place += " at \(Format.hex(address))" }
        if let address = report.slotPhysical { place += " (physical \(Format.hex(address)))" }
        lines.append(style.paint(place, .heading))
        lines += TextBlocks.arrange([hexDump(report, style: style), fieldTable(report, style: style)], style: style)
        var facts = TextTable([.left(""), .flexible("")], hasHeader: false)
        if let block = report.block {
            let end = block.head &+ block.frames &* 4096
            facts.add([
                Cell("block", .heading),
                Cell(
                    "order \(block.order): \(style.number(block.frames)) \(block.frames == 1 ? "frame" : "frames"), "
                        + "\(Format.hex(block.head))..\(Format.hex(end))"),
            ])
            if block.head == report.address {
                facts.add(["  head", "this frame"])
            } else {
                facts.add([
                    "  head", Cell(Format.hex(block.head) + (block.headState.map { " (\($0))" } ?? ""), .accent),
                ])
            }
        }
        if let vtable = report.vtable { for row in VtableRenderer.detail(vtable, style: style) { facts.add(row) } }
        if !facts.rows.isEmpty { lines += [""] + facts.lines(style) }
        return lines + [""] + ProvenanceRenderer.lines(report.provenance, style: style)
    }

    /// Rows of sixteen bytes; bytes of one field share a look, so that the eye finds them.
    static func hexDump(_ report: FrameReport, style: Style) -> [String] {
        var owner: [Int?] = Array(repeating: nil, count: report.bytes.count)
        for (index, field) in report.fields.enumerated() where field.offset >= 0 && field.size > 0 {
            for byte in field.offset..<min(field.offset + field.size, max(field.offset, report.bytes.count)) {
                owner[byte] = index
            }
        }
        var lines: [String] = []
        for row in stride(from: 0, to: report.bytes.count, by: 16) {
            var line = style.paint("+" + Format.padded(UInt64(row), digits: 2), .dim) + " "
            var text = ""
            for column in 0..<16 {
                if column == 8 { line += " " }
                guard row + column < report.bytes.count else {
                    line += "   "
                    continue
                }
                let byte = report.bytes[row + column]
                let digits = Format.padded(UInt64(byte), digits: 2)
                let tint: Tint? = owner[row + column].map { $0 % 2 == 0 ? .accent : .warning } ?? .dim
                line += " " + style.paint(digits, tint)
                text += (0x20..<0x7F).contains(byte) ? String(UnicodeScalar(byte)) : "."
            }
            lines.append(line + "  " + style.paint(text, .dim))
        }
        return lines
    }

    private static func fieldTable(_ report: FrameReport, style: Style) -> [String] {
        var table = TextTable([.right("at"), .right("size"), .left("field"), .right("value"), .flexible("meaning")])
        for (index, field) in report.fields.enumerated() {
            table.add([
                Cell("+" + Format.padded(UInt64(max(0, field.offset)), digits: 2), .dim), Cell("\(field.size)", .dim),
                Cell(field.name, index % 2 == 0 ? .accent : .warning), Cell(Format.hex(field.value)),
                Cell(field.meaning ?? ""),
            ])
        }
        return table.lines(style)
    }
}
