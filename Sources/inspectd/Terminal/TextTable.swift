/// A table of text: columns as wide as their content, cut where the terminal ends.
struct TextTable: Sendable {
    /// One column.
    struct Column: Sendable {
        /// What the header says.
        var title: String
        /// Whether the content stands at the right: numbers.
        var isRight = false
        /// Whether it may be cut when the terminal is too narrow.
        var isFlexible = false
        /// Whether the middle is left out instead of the end.
        var cutsMiddle = false

        /// Text at the left.
        static func left(_ title: String) -> Column { Column(title: title) }
        /// Numbers at the right.
        static func right(_ title: String) -> Column { Column(title: title, isRight: true) }
        /// Text that gives way.
        static func flexible(_ title: String, cutsMiddle: Bool = false) -> Column {
            Column(title: title, isFlexible: true, cutsMiddle: cutsMiddle)
        }
    }

    var columns: [Column]
    var rows: [[Cell]] = []
    /// Rows below a second rule: totals.
    var footer: [[Cell]] = []
    /// Spaces before each line.
    var indent = 0
    /// Spaces between columns.
    var gap = 2
    /// Whether there is a header at all.
    var hasHeader = true

    init(_ columns: [Column], indent: Int = 0, hasHeader: Bool = true) {
        self.columns = columns
        self.indent = indent
        self.hasHeader = hasHeader
    }

    /// Adds a row; cells that are missing are empty, cells too many are left out.
    mutating func add(_ cells: [Cell]) { rows.append(fitted(cells)) }

    /// Adds a row to the footer.
    mutating func addTotal(_ cells: [Cell]) { footer.append(fitted(cells)) }

    private func fitted(_ cells: [Cell]) -> [Cell] {
        Array(cells.prefix(columns.count)) + Array(repeating: Cell(""), count: max(0, columns.count - cells.count))
    }

    /// The table's lines, without line ends.
    func lines(_ style: Style) -> [String] {
        let widths = columnWidths(style)
        let rule = { (width: Int) in String(repeating: style.unicode ? "─" : "-", count: width) }
        var result: [String] = []
        if hasHeader {
            result.append(line(columns.map { Cell($0.title, .heading) }, widths, style))
            result.append(line(widths.map { Cell(rule($0), .dim) }, widths, style))
        }
        for row in rows { result.append(line(row, widths, style)) }
        if !footer.isEmpty {
            result.append(line(widths.map { Cell(rule($0), .dim) }, widths, style))
            for row in footer { result.append(line(row, widths, style)) }
        }
        return result
    }

    private func columnWidths(_ style: Style) -> [Int] {
        var widths = columns.map { hasHeader ? DisplayText.width($0.title) : 0 }
        for row in rows + footer {
            for (index, cell) in row.enumerated() { widths[index] = max(widths[index], DisplayText.width(cell.text)) }
        }
        guard let available = style.width else { return widths }
        var excess = indent + widths.reduce(0, +) + gap * max(0, columns.count - 1) - available
        while excess > 0 {
            // The widest column that gives way does so, one by one: equal columns stay equal.
            let candidates = columns.indices.filter { columns[$0].isFlexible && widths[$0] > 6 }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        var result = String(repeating: " ", count: indent)
        var pending = ""
        for (index, cell) in cells.enumerated() {
            let column = columns[index]
            let text =
                column.cutsMiddle
                ? DisplayText.cutMiddle(cell.text, to: widths[index], ellipsis: style.ellipsis)
                : DisplayText.cut(cell.text, to: widths[index], ellipsis: style.ellipsis)
            let padding = DisplayText.padding(text, to: widths[index])
            if index > 0 { pending += String(repeating: " ", count: gap) }
            if column.isRight { pending += padding }
            if !text.isEmpty {
                result += pending + style.paint(text, cell.tint)
                pending = ""
            }
            if !column.isRight { pending += padding }
        }
        return result
    }
}
