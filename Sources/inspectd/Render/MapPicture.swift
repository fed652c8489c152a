/// The picture of memory as SVG: runs of equal cells, a ruler, a legend, tooltips, light and dark.
enum MapPicture {
    /// Cells that a picture shows at most; runs are merged, so that the file stays small.
    static let maximumCells = 1 << 16
    /// Runs up to which each has its own tooltip; with more, each row has one.
    private static let maximumTooltips = 8000

    private static let columns = 256
    private static let scale = 4
    private static let left = 118
    private static let top = 74

    /// Writes the document.
    static func write(_ report: MapReport, title: String, to writer: OutputWriter) throws(OutputError) {
        let columns = min(Self.columns, max(32, report.cellCount))
        let (rows, rowCount) = layout(report, columns: columns)
        let gridWidth = columns * scale
        let gridHeight = rowCount * scale
        let entries = report.legend
        let perLine = max(1, gridWidth / 330)
        let legendHeight = (entries.count + perLine - 1) / perLine * 22 + 34
        let width = max(gridWidth, 500) + left + 24
        let height = top + gridHeight + legendHeight + 20
        try writer.write(
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" \
            font-family="system-ui,sans-serif" font-size="13">
            <title>\(escaped(title))</title>
            <style>\(styleSheet(report))</style>
            <rect class="bg" width="100%" height="100%"/>
            <text class="t" x="24" y="32" font-size="19" font-weight="600">\(escaped(title))</text>
            <text class="s" x="24" y="53">\(escaped(subtitle(report, columns: columns)))</text>

            """)
        try writer.write(
            "<g class=\"s\" font-family=\"ui-monospace,monospace\" font-size=\"11\" text-anchor=\"end\">\n")
        var lastLabel = -1000
        for (cell, y) in rows where y - lastLabel >= 4 {
            lastLabel = y
            try writer.write(
                "<text x=\"\(left - 8)\" y=\"\(top + y * scale + 8)\">\(Format.hex(report.address(ofCell: cell)))</text>\n"
            )
        }
        try writer.write("</g>\n")
        try writer.write(
            "<g transform=\"translate(\(left) \(top)) scale(\(scale))\" shape-rendering=\"crispEdges\">\n")
        try writeCells(report, rows: rows, columns: columns, to: writer)
        try writer.write("</g>\n")
        var y = top + gridHeight + 30
        for (index, entry) in entries.enumerated() {
            let x = left + index % perLine * (gridWidth / perLine)
            let kind = report.kinds.firstIndex { $0.colour == entry.colour } ?? 0
            try writer.write(
                "<rect class=\"f\(kind)\" x=\"\(x)\" y=\"\(y - 11)\" width=\"14\" height=\"14\" rx=\"2\"/>"
                    + "<text class=\"t\" x=\"\(x + 21)\" y=\"\(y + 1)\">\(escaped(entry.colour.text)) "
                    + "<tspan class=\"s\">\(Format.bytes(entry.frames &* 4096))</tspan></text>\n")
            if index % perLine == perLine - 1 || index == entries.count - 1 { y += 22 }
        }
        try writer.write(
            "<text class=\"s\" x=\"\(left)\" y=\"\(y + 4)\" font-size=\"12\">"
                + "A cell shows its most frequent kind; poisoned and contradictory frames show in any case.</text>\n</svg>\n"
        )
    }

    /// First cell and line of each row; rows without any RAM are folded into a gap.
    private static func layout(_ report: MapReport, columns: Int) -> (rows: [(cell: Int, y: Int)], height: Int) {
        var rows: [(cell: Int, y: Int)] = []
        var y = 0
        var inGap = false
        for cell in stride(from: 0, to: report.cellCount, by: columns) {
            let end = min(cell + columns, report.cellCount)
            let isEmpty = (cell..<end).allSatisfy { index in
                report.kind(ofCell: index).map { report.kinds[$0].colour == .hole } ?? true
            }
            if isEmpty {
                inGap = true
                continue
            }
            if inGap, y > 0 { y += 3 }
            inGap = false
            rows.append((cell, y))
            y += 1
        }
        return (rows, max(y, 1))
    }

    private static func writeCells(
        _ report: MapReport, rows: [(cell: Int, y: Int)], columns: Int, to writer: OutputWriter
    ) throws(OutputError) {
        var runs: [(kind: Int, cell: Int, x: Int, y: Int, length: Int)] = []
        for (first, y) in rows {
            let end = min(first + columns, report.cellCount)
            var cell = first
            while cell < end {
                let start = cell
                let kind = report.kind(ofCell: cell)
                repeat { cell += 1 } while cell < end && report.kind(ofCell: cell) == kind
                if let kind { runs.append((kind, start, start - first, y, cell - start)) }
            }
        }
        if runs.count <= maximumTooltips {
            for run in runs {
                let start = report.address(ofCell: run.cell)
                let end = start &+ UInt64(run.length) &* report.framesPerCell &* 4096
                try writer.write(
                    "<path class=\"k\(run.kind)\" d=\"M\(run.x) \(run.y).5h\(run.length)\"><title>"
                        + "\(Format.hex(start))..\(Format.hex(end)) \(escaped(report.kinds[run.kind].text))</title></path>\n"
                )
            }
            return
        }
        for kind in report.kinds.indices {
            var isOpen = false
            for run in runs where run.kind == kind {
                try writer.write((isOpen ? "" : "<path class=\"k\(kind)\" d=\"") + "M\(run.x) \(run.y).5h\(run.length)")
                isOpen = true
            }
            if isOpen { try writer.write("\"/>\n") }
        }
        for (first, y) in rows {
            let end = min(first + columns, report.cellCount)
            var parts: [String] = []
            for kind in report.kinds.indices {
                let frames = (first..<end).reduce(UInt64(0)) { $0 &+ report.count(cell: $1, kind: kind) }
                if frames > 0 { parts.append("\(report.kinds[kind].text) \(Format.bytes(frames &* 4096))") }
            }
            try writer.write(
                "<rect class=\"o\" y=\"\(y)\" width=\"\(end - first)\" height=\"1\"><title>"
                    + "\(Format.hex(report.address(ofCell: first))): \(escaped(parts.joined(separator: ", ")))</title></rect>\n"
            )
        }
    }

    private static func subtitle(_ report: MapReport, columns: Int) -> String {
        let cell = report.framesPerCell &* 4096
        let provenance = report.provenance
        let mode = ProvenanceRenderer.moment(provenance, style: Style(unicode: true))
        return "One cell is \(Format.bytes(cell)), one row \(Format.bytes(cell &* UInt64(columns))); "
            + "memory \(provenance.way), \(mode), profile \(provenance.profile)"
    }

    private static func styleSheet(_ report: MapReport) -> String {
        var rules = ".bg{fill:#fff}.t{fill:#1c1e21}.s{fill:#626870}.o{fill:transparent}path{fill:none}"
        for (index, kind) in report.kinds.enumerated() {
            let colour = kind.colour == .hole ? "#e8eaed" : kind.colour.hexadecimal
            rules += ".k\(index){stroke:\(colour)}.f\(index){fill:\(colour)}"
        }
        rules += "@media(prefers-color-scheme:dark){.bg{fill:#15171a}.t{fill:#e8eaed}.s{fill:#9aa0a6}"
        for (index, kind) in report.kinds.enumerated() where kind.colour == .hole {
            rules += ".k\(index){stroke:#26282c}.f\(index){fill:#26282c}"
        }
        return rules + "}"
    }

    /// Text for XML; control characters, which XML forbids, are spelled out.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in DisplayText.harmless(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\u{FFFE}", "\u{FFFF}": result += "?"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
