/// The table of `dump`: which columns there are, and a row as text.
///
/// Widths are fixed before the first row, so that rows stream. On a terminal too narrow for all columns those that people
/// miss least are left out, and named below the table.
struct DumpTable: Sendable {
    private enum Content: Sendable {
        case address, frames, state, flags, letters, order, refcount, generation, guardBits, vtable, next, previous,
            moved
    }

    private struct Column: Sendable {
        var content: Content
        var title: String
        var width: Int
        var isRight = false
    }

    /// What is left out first on a narrow terminal.
    private static let leastMissed: [Content] = [
        .previous, .next, .guardBits, .generation, .letters, .vtable, .flags, .order,
    ]

    private let columns: [Column]
    private let leftOut: [String]
    private let addressDigits: Int
    private let flagDigits: Int
    private let style: Style

    init(_ wanted: DumpWriter.Columns, style: Style) {
        var all = [Column(content: .address, title: "address", width: wanted.addressDigits + 2)]
        if wanted.isBlocks { all.append(Column(content: .frames, title: "frames", width: 6, isRight: true)) }
        all += [
            Column(content: .state, title: "state", width: wanted.stateWidth),
            Column(content: .flags, title: "flags", width: wanted.flagDigits + 2),
            Column(content: .letters, title: "letters", width: 9),
            Column(content: .order, title: "order", width: 5, isRight: true),
            Column(content: .refcount, title: "refcount", width: 8, isRight: true),
        ]
        if wanted.hasGeneration {
            all.append(Column(content: .generation, title: "generation", width: 10, isRight: true))
        }
        if wanted.hasGuard { all.append(Column(content: .guardBits, title: "guard", width: 6)) }
        if wanted.hasVtable { all.append(Column(content: .vtable, title: "vtable", width: 18)) }
        if wanted.hasLinks {
            all.append(Column(content: .next, title: "next", width: wanted.addressDigits + 2))
            all.append(Column(content: .previous, title: "prev", width: wanted.addressDigits + 2))
        }
        if wanted.isLive { all.append(Column(content: .moved, title: "moved", width: 5)) }
        var titles: [String] = []
        if style.isInteractive, let available = style.width {
            for content in Self.leastMissed {
                let width = all.reduce(2 * (all.count - 1)) { $0 + $1.width }
                guard width > available else { break }
                guard let index = all.firstIndex(where: { $0.content == content }) else { continue }
                titles.append(all.remove(at: index).title)
            }
        }
        columns = all
        leftOut = titles.reversed()
        addressDigits = wanted.addressDigits
        flagDigits = wanted.flagDigits
        self.style = style
    }

    /// Titles and the rule below them.
    var header: [String] {
        let titles = columns.enumerated().map { index, column in
            let padding = DisplayText.padding(column.title, to: column.width)
            if column.isRight { return padding + column.title }
            return index == columns.count - 1 ? column.title : column.title + padding
        }
        let rules = columns.map { String(repeating: style.unicode ? "─" : "-", count: $0.width) }
        return [
            style.paint(titles.joined(separator: "  "), .heading), style.paint(rules.joined(separator: "  "), .dim),
        ]
    }

    /// What was left out, for below the table.
    var note: [String] {
        guard !leftOut.isEmpty else { return [] }
        let text =
            "Left out, since the terminal is \(style.width ?? 0) columns wide: \(leftOut.joined(separator: ", "))."
        return TextBlocks.wrap(text, style: style)
    }

    /// Appends a row with its line end.
    func append(_ row: FrameRow, to output: inout [UInt8]) {
        for (index, column) in columns.enumerated() {
            if index > 0 { output.append(contentsOf: [0x20, 0x20]) }
            let tint = style.colour == .none ? nil : Self.tint(column.content, row)
            let start = output.count
            appendValue(column.content, row, to: &output)
            let missing = max(0, column.width - (output.count - start))
            if let tint {
                output.insert(contentsOf: "\u{1B}[\(tint.parameters(style.colour))m".utf8, at: start)
                output.append(contentsOf: "\u{1B}[0m".utf8)
            }
            if column.isRight {
                output.insert(contentsOf: repeatElement(0x20, count: missing), at: start)
            } else {
                output.append(contentsOf: repeatElement(0x20, count: missing))
            }
        }
        while output.last == 0x20 { output.removeLast() }
        output.append(0x0A)
    }

    private static func tint(_ content: Content, _ row: FrameRow) -> Tint? {
        switch content {
        case .address: .accent
        case .state: row.colour.map { .kind($0) }
        case .moved: .warning
        default: nil
        }
    }

    private func appendValue(_ content: Content, _ row: FrameRow, to output: inout [UInt8]) {
        func hex(_ value: UInt64?, digits: Int = 1) {
            if let value { ByteText.appendHex(value, digits: digits, to: &output) } else { output.append(0x2D) }
        }
        func decimal(_ value: UInt64?) {
            if let value { ByteText.appendDecimal(value, to: &output) } else { output.append(0x2D) }
        }
        switch content {
        case .address: hex(row.address, digits: addressDigits)
        case .frames: decimal(row.frames)
        case .state: output.append(contentsOf: row.state.utf8)
        case .flags: hex(row.flags, digits: flagDigits)
        case .letters: output.append(contentsOf: row.letters.utf8)
        case .order: decimal(row.order.map { UInt64($0) })
        case .refcount: decimal(row.refcount)
        case .generation: decimal(row.generation)
        case .guardBits: hex(row.guardBits)
        case .vtable: hex(row.vtable)
        case .next: hex(row.next)
        case .previous: hex(row.previous)
        case .moved: if row.moved { output.append(contentsOf: "moved".utf8) }
        }
    }
}
