/// Writes the rows of a dump one by one, in any of its forms; nothing is kept.
struct DumpWriter {
    /// Which columns the kernel has.
    struct Columns: Sendable, Equatable {
        var hasGeneration = true
        var hasGuard = true
        var hasVtable = true
        var hasLinks = true
        /// Whether rows stand for blocks.
        var isBlocks = false
        /// Digits of the highest address.
        var addressDigits = 9
        /// Digits of the flags.
        var flagDigits = 4
        /// Columns of the longest name of a state.
        var stateWidth = 12
    }

    private let format: DumpFormat
    private let columns: Columns
    private let style: Style
    private let writer: OutputWriter
    private var count: UInt64 = 0

    init(format: DumpFormat, columns: Columns, style: Style, writer: OutputWriter) {
        self.format = format
        self.columns = columns
        self.style = style
        self.writer = writer
    }

    /// Writes what stands before the rows.
    func begin(_ provenance: Provenance) throws(OutputError) {
        switch format {
        case .table: try writer.writeLines(tableHeader())
        case .csv: try writer.write(CSV.line(names) + "\n")
        case .ndjson: break
        case .json:
            var text: [UInt8] = []
            provenance.json.write(into: &text, level: 1)
            let schema = JSONSchema.dump.identifier
            try writer.write("{\n  \"schema\": \"\(schema)\",\n  \"version\": \"\(ProgramVersion.text)\",\n")
            try writer.write("  \"provenance\": \(String(decoding: text, as: UTF8.self)),\n  \"frames\": [")
        }
    }

    /// Writes a row.
    mutating func add(_ row: FrameRow) throws(OutputError) {
        switch format {
        case .table: appendTable(row)
        case .csv: appendCSV(row)
        case .ndjson:
            appendJSON(row)
            writer.buffer.append(0x0A)
        case .json:
            writer.buffer.append(contentsOf: (count == 0 ? "\n    " : ",\n    ").utf8)
            appendJSON(row)
        }
        count &+= 1
        try writer.flushIfFull()
    }

    /// Writes what stands behind the rows.
    func end(_ provenance: Provenance, total: UInt64) throws(OutputError) {
        switch format {
        case .json: try writer.write((count == 0 ? "" : "\n  ") + "],\n  \"count\": \(count)\n}\n")
        case .table:
            // A table in a pipe is data for other programs: only people get the closing lines.
            guard style.isInteractive else { break }
            let noun = columns.isBlocks ? "blocks" : "frames"
            try writer.writeLines(
                ["", "\(style.number(count)) \(noun) shown, table of \(style.number(total)) frames"]
                    + ProvenanceRenderer.lines(provenance, style: style))
        default: break
        }
        try writer.flush()
    }

    // MARK: Columns

    private var names: [String] {
        var names = ["address", "frame"]
        if columns.isBlocks { names.append("frames") }
        names += ["state", "flags", "letters", "order", "refcount"]
        if columns.hasGeneration { names.append("generation") }
        if columns.hasGuard { names.append("guard") }
        if columns.hasVtable { names.append("vtable") }
        if columns.hasLinks { names += ["next", "prev"] }
        return names + ["moved"]
    }

    private var linkWidth: Int { columns.addressDigits + 2 }

    private func tableHeader() -> [String] {
        var header: [(String, Int)] = [("address", columns.addressDigits + 2)]
        if columns.isBlocks { header.append(("frames", 7)) }
        header += [
            ("state", columns.stateWidth), ("flags", columns.flagDigits + 2), ("letters", 9), ("ord", 3),
            ("refcount", 10),
        ]
        if columns.hasGeneration { header.append(("generation", 10)) }
        if columns.hasGuard { header.append(("guard", 10)) }
        if columns.hasVtable { header.append(("vtable", 18)) }
        if columns.hasLinks { header += [("next", linkWidth), ("prev", linkWidth)] }
        let title = header.map { $0.0 + DisplayText.padding($0.0, to: $0.1) }.joined(separator: "  ")
        let rule = header.map { String(repeating: style.unicode ? "─" : "-", count: $0.1) }.joined(separator: "  ")
        return [style.paint(title, .heading), style.paint(rule, .dim)]
    }

    private func appendTable(_ row: FrameRow) {
        func field(_ width: Int, tint: Tint? = nil, _ body: (inout [UInt8]) -> Void) {
            let isPainted = style.colour != .none && tint != nil
            if isPainted, let tint {
                writer.buffer.append(contentsOf: "\u{1B}[\(tint.parameters(style.colour))m".utf8)
            }
            let start = writer.buffer.count
            body(&writer.buffer)
            let used = writer.buffer.count - start
            if isPainted { writer.buffer.append(contentsOf: "\u{1B}[0m".utf8) }
            writer.buffer.append(contentsOf: repeatElement(0x20, count: max(0, width - used) + 2))
        }
        func hex(_ value: UInt64?, _ width: Int, digits: Int = 1) {
            field(width) { output in
                if let value { ByteText.appendHex(value, digits: digits, to: &output) } else { output.append(0x2D) }
            }
        }
        func decimal(_ value: UInt64?, _ width: Int) {
            field(width) { output in
                if let value { ByteText.appendDecimal(value, to: &output) } else { output.append(0x2D) }
            }
        }
        field(columns.addressDigits + 2, tint: .accent) {
            ByteText.appendHex(row.address, digits: columns.addressDigits, to: &$0)
        }
        if columns.isBlocks { decimal(row.frames, 7) }
        field(columns.stateWidth, tint: row.colour.map { .kind($0) }) { $0.append(contentsOf: row.state.utf8) }
        hex(row.flags, columns.flagDigits + 2, digits: columns.flagDigits)
        field(9) { $0.append(contentsOf: row.letters.utf8) }
        decimal(row.order.map { UInt64($0) }, 3)
        decimal(row.refcount, 10)
        if columns.hasGeneration { decimal(row.generation, 10) }
        if columns.hasGuard { hex(row.guardBits, 10) }
        if columns.hasVtable { hex(row.vtable, 18) }
        if columns.hasLinks {
            hex(row.next, linkWidth)
            hex(row.previous, linkWidth)
        }
        if row.moved { writer.buffer.append(contentsOf: "moved".utf8) }
        while writer.buffer.last == 0x20 { writer.buffer.removeLast() }
        writer.buffer.append(0x0A)
    }

    private func appendCSV(_ row: FrameRow) {
        ByteText.appendHex(row.address, to: &writer.buffer)
        writer.buffer.append(0x2C)
        ByteText.appendDecimal(row.address >> 12, to: &writer.buffer)
        func decimal(_ value: UInt64?) {
            writer.buffer.append(0x2C)
            if let value { ByteText.appendDecimal(value, to: &writer.buffer) }
        }
        func hex(_ value: UInt64?) {
            writer.buffer.append(0x2C)
            if let value { ByteText.appendHex(value, to: &writer.buffer) }
        }
        func text(_ value: String) {
            writer.buffer.append(0x2C)
            writer.buffer.append(contentsOf: CSV.field(value).utf8)
        }
        if columns.isBlocks { decimal(row.frames) }
        text(row.state)
        hex(row.flags)
        text(row.letters)
        decimal(row.order.map { UInt64($0) })
        decimal(row.refcount)
        if columns.hasGeneration { decimal(row.generation) }
        if columns.hasGuard { hex(row.guardBits) }
        if columns.hasVtable { hex(row.vtable) }
        if columns.hasLinks {
            hex(row.next)
            hex(row.previous)
        }
        text(row.moved ? "true" : "false")
        writer.buffer.append(0x0A)
    }

    private func appendJSON(_ row: FrameRow) {
        func key(_ name: StaticString) {
            writer.buffer.append(contentsOf: ", \"".utf8)
            name.withUTF8Buffer { writer.buffer.append(contentsOf: $0) }
            writer.buffer.append(contentsOf: "\": ".utf8)
        }
        func decimal(_ name: StaticString, _ value: UInt64?) {
            key(name)
            if let value {
                ByteText.appendDecimal(value, to: &writer.buffer)
            } else {
                writer.buffer.append(contentsOf: "null".utf8)
            }
        }
        func hex(_ name: StaticString, _ value: UInt64?) {
            key(name)
            guard let value else { return writer.buffer.append(contentsOf: "null".utf8) }
            writer.buffer.append(0x22)
            ByteText.appendHex(value, to: &writer.buffer)
            writer.buffer.append(0x22)
        }
        func text(_ name: StaticString, _ value: String) {
            key(name)
            JSONValue.append(value, to: &writer.buffer)
        }
        writer.buffer.append(contentsOf: "{\"address\": \"".utf8)
        ByteText.appendHex(row.address, to: &writer.buffer)
        writer.buffer.append(0x22)
        decimal("frame", row.address >> 12)
        if columns.isBlocks { decimal("frames", row.frames) }
        text("state", row.state)
        hex("flags", row.flags)
        text("letters", row.letters)
        decimal("order", row.order.map { UInt64($0) })
        decimal("refcount", row.refcount)
        if columns.hasGeneration { decimal("generation", row.generation) }
        if columns.hasGuard { hex("guard", row.guardBits) }
        if columns.hasVtable { hex("vtable", row.vtable) }
        if columns.hasLinks {
            hex("next", row.next)
            hex("prev", row.previous)
        }
        key("moved")
        writer.buffer.append(contentsOf: (row.moved ? "true}" : "false}").utf8)
    }
}
