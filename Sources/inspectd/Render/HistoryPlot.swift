/// Numbers over time as signs of a terminal.
struct HistoryPlot {
    /// Rows of a plot.
    private static let rows = 8
    /// Columns of the numbers beside it.
    private static let margin = 14

    /// One value per column; nil where there is none.
    let values: [Double?]
    let style: Style

    /// How many values a plot has room for on a terminal.
    static func columns(_ width: Int) -> Int { max(width - margin - 3, 8) }

    /// Values in at most so many columns: the mean of those that share one.
    init(_ values: [Double?], columns: Int, style: Style) {
        self.style = style
        guard values.count > columns, columns > 0 else {
            self.values = values
            return
        }
        self.values = (0..<columns).map { column in
            let part = values[column * values.count / columns..<(column + 1) * values.count / columns].compactMap { $0 }
            return part.isEmpty ? nil : part.reduce(0, +) / Double(part.count)
        }
    }

    /// All in one line; a line that stays the same lies at the bottom.
    var line: String {
        let signs = style.unicode ? Array("▁▂▃▄▅▆▇█") : Array("_.-=+*%#")
        return String(
            values.map { value in
                guard let value, let bounds else { return " " }
                return signs[level(value, bounds, Double(signs.count - 1))]
            })
    }

    /// Several lines with the smallest and the largest value beside them.
    var lines: [String] {
        guard let bounds else { return [] }
        let signs = style.unicode ? Array(" ▁▂▃▄▅▆▇█") : Array("  ......##")
        let heights = values.map { $0.map { level($0, bounds, Double(Self.rows * 8 - 1)) + 1 } ?? 0 }
        return (0..<Self.rows).reversed().map { row in
            let label =
                switch row {
                case Self.rows - 1: HistoryPlot.number(bounds.upperBound, style)
                case 0: HistoryPlot.number(bounds.lowerBound, style)
                default: ""
                }
            let text = String(heights.map { signs[min(max($0 - row * 8, 0), 8)] })
            let edge = style.unicode ? (label.isEmpty ? "│" : "┤") : "|"
            return String(repeating: " ", count: max(0, Self.margin - label.count)) + label + " " + edge
                + style.paint(text, .accent)
        }
    }

    private var bounds: ClosedRange<Double>? {
        let known = values.compactMap { $0 }
        guard let low = known.min(), let high = known.max() else { return nil }
        return low...high
    }

    private func level(_ value: Double, _ bounds: ClosedRange<Double>, _ top: Double) -> Int {
        let span = bounds.upperBound - bounds.lowerBound
        guard span > 0 else { return 0 }
        return Int(((value - bounds.lowerBound) / span * top).rounded())
    }

    /// A number with as many decimals as it needs.
    static func number(_ value: Double, _ style: Style) -> String {
        if value == value.rounded() { return style.number(value, decimals: 0) }
        return style.number(value, decimals: abs(value) < 1 ? 6 : abs(value) < 1000 ? 2 : 0)
    }
}
