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
        var stateWidth = 13
        /// Whether the guest ran on, so that slots may have moved.
        var isLive = false
    }

    private let format: DumpFormat
    private let columns: Columns
    private let style: Style
    private let writer: OutputWriter
    private let table: DumpTable
    private var count: UInt64 = 0

    init(format: DumpFormat, columns: Columns, style: Style, writer: OutputWriter) {
        self.format = format
        self.columns = columns
        self.style = style
        self.writer = writer
        table = DumpTable(columns, style: style)
    }

    /// Writes what stands before the rows.
    func begin(_ provenance: Provenance) throws(OutputError) {
        switch format {
        case .table: try writer.writeLines(table.header)
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
        case .table: table.append(row, to: &writer.buffer)
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
                ["", "\(style.number(count)) \(noun) shown, table of \(style.number(total)) frames"] + table.note
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
