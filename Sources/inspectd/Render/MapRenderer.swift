/// The picture of memory in the terminal: half blocks in colours, or letters.
enum MapRenderer {
    /// Cells in one row of the picture, so that addresses at its left are round: a multiple of 32 where it fits.
    static func columns(width: Int, start: UInt64, frameCount: UInt64) -> Int {
        let room = max(8, width - rulerWidth(start: start, frameCount: frameCount))
        return room >= 32 ? room / 32 * 32 : room / 8 * 8
    }

    /// Cells that a picture of at most `rows` lines of text can show.
    static func capacity(width: Int, rows: Int, start: UInt64, frameCount: UInt64, style: Style) -> Int {
        let columns = columns(width: width, start: start, frameCount: frameCount)
        return columns * max(1, rows) * (usesHalfBlocks(style) ? 2 : 1)
    }

    private static func usesHalfBlocks(_ style: Style) -> Bool { style.colour >= .basic && style.unicode }

    private static func rulerWidth(start: UInt64, frameCount: UInt64) -> Int {
        Format.hex(start &+ frameCount &* 4096).count + 1
    }

    static func lines(_ report: MapReport, width: Int, style: Style) -> [String] {
        let columns = columns(width: width, start: report.start, frameCount: report.frameCount)
        let digits = rulerWidth(start: report.start, frameCount: report.frameCount) - 3
        let cellBytes = report.framesPerCell &* 4096
        let title =
            Format.bytes(report.frameCount &* 4096) + " from \(Format.hex(report.start))" + style.separator
            + "one cell is \(Format.bytes(cellBytes)) (\(style.number(report.framesPerCell)) "
            + "\(report.framesPerCell == 1 ? "frame" : "frames"))"
            + style.separator + "one row is \(Format.bytes(cellBytes &* UInt64(columns)))"
        var lines = TextBlocks.wrap(title, style: style).map { style.paint($0, .heading) } + [""]
        lines.append(
            style.paint(ruler(columns: columns, indent: digits + 3, cellBytes: cellBytes, style: style), .dim))
        let rowsPerLine = usesHalfBlocks(style) ? 2 : 1
        let perLine = columns * rowsPerLine
        let holes = Set(report.kinds.indices.filter { report.kinds[$0].colour == .hole })
        var cell = 0
        while cell < report.cellCount {
            let end = min(cell + perLine, report.cellCount)
            let isHole = (cell..<end).allSatisfy { report.kind(ofCell: $0).map { holes.contains($0) } ?? true }
            if isHole {
                var last = end
                while last < report.cellCount {
                    let next = min(last + perLine, report.cellCount)
                    guard (last..<next).allSatisfy({ report.kind(ofCell: $0).map { holes.contains($0) } ?? true })
                    else { break }
                    last = next
                }
                if last - cell > perLine {
                    let bytes = UInt64(last - cell) &* cellBytes
                    lines.append(
                        style.paint(
                            Format.hex(report.address(ofCell: cell), digits: digits)
                                + " \(style.unicode ? "⋮" : ":") \(Format.bytes(bytes)) without RAM", .dim))
                    cell = last
                    continue
                }
            }
            let label = style.paint(Format.hex(report.address(ofCell: cell), digits: digits), .dim) + " "
            lines.append(
                label
                    + (rowsPerLine == 2
                        ? halfBlocks(report, from: cell, columns: columns, style: style)
                        : letters(report, from: cell, columns: columns, style: style)))
            cell = end
        }
        lines.append("")
        lines += legend(report, width: width, style: style)
        return lines + [""] + ProvenanceRenderer.lines(report.provenance, style: style)
    }

    /// Two rows of cells in one line of text: the upper in the sign's colour, the lower in its ground.
    private static func halfBlocks(_ report: MapReport, from start: Int, columns: Int, style: Style) -> String {
        var line = ""
        var current = ""
        for column in 0..<columns {
            let upper = colour(report, start + column)
            let lower = colour(report, start + columns + column)
            if upper == nil, lower == nil { break }
            // Cells behind the end of the picture keep the terminal's own ground.
            let parameters =
                "0;" + (upper?.foreground(style.colour) ?? "39") + ";" + (lower?.background(style.colour) ?? "49")
            if parameters != current {
                line += "\u{1B}[\(parameters)m"
                current = parameters
            }
            line += upper == nil ? " " : "▀"
        }
        return line.isEmpty ? "" : line + "\u{1B}[0m"
    }

    /// The colour of a cell; nil behind the end.
    private static func colour(_ report: MapReport, _ cell: Int) -> KindColour? {
        guard cell < report.cellCount else { return nil }
        return report.kind(ofCell: cell).map { report.kinds[$0].colour } ?? .hole
    }

    private static func letters(_ report: MapReport, from start: Int, columns: Int, style: Style) -> String {
        var line = ""
        for column in 0..<columns {
            guard let colour = colour(report, start + column) else { break }
            line += style.paint(String(colour.letter), .kind(colour))
        }
        while line.hasSuffix(" ") { line.removeLast() }
        return line
    }

    /// Marks above the picture: how far a column lies behind the row's address.
    private static func ruler(columns: Int, indent: Int, cellBytes: UInt64, style: Style) -> String {
        var line = String(repeating: " ", count: indent)
        var column = 0
        while column < columns {
            let label = (style.unicode ? "┌" : "|") + "+" + compact(UInt64(column) &* cellBytes)
            line += String(repeating: " ", count: max(0, indent + column - line.count))
            guard line.count + label.count <= indent + columns else { break }
            line += label
            column += columns >= 32 ? 16 : 8
        }
        return line
    }

    private static func compact(_ bytes: UInt64) -> String {
        let text = Format.bytes(bytes)
        return bytes == 0 ? "0" : text.split(separator: " ").joined().replacingSuffix("iB", with: "")
    }

    private static func legend(_ report: MapReport, width: Int, style: Style) -> [String] {
        let entries = report.legend.map { colour, frames in
            let sign: String
            if usesHalfBlocks(style) {
                sign = "\u{1B}[\(colour.foreground(style.colour))m██\u{1B}[0m"
            } else {
                sign = style.paint(colour.letter == " " ? "' '" : "\(colour.letter)", .kind(colour))
            }
            let size = "  " + Format.bytes(frames &* 4096)
            let room = max(8, width - DisplayText.width(sign) - 1 - size.count)
            return sign + " " + DisplayText.cut(colour.text, to: room, ellipsis: style.ellipsis)
                + style.paint(size, .dim)
        }
        let widest = entries.map(DisplayText.width).max() ?? 0
        let perLine = max(1, (width + 3) / (widest + 3))
        var lines: [String] = []
        for start in stride(from: 0, to: entries.count, by: perLine) {
            var line = ""
            for (index, entry) in entries[start..<min(start + perLine, entries.count)].enumerated() {
                line += String(repeating: " ", count: max(0, index * (widest + 3) - DisplayText.width(line))) + entry
            }
            lines.append(line)
        }
        let note = "A cell shows its most frequent kind; poisoned and contradictory frames show in any case."
        var limited = style
        limited.width = width
        return lines + [""] + TextBlocks.wrap(note, style: limited).map { style.paint($0, .dim) }
    }
}

extension String {
    /// The text with another ending, where it has the given one.
    fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) + other : self
    }
}
