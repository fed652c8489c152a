/// The text of `vtables`, and of the vtable that a frame uses.
enum VtableRenderer {
    static func lines(_ report: VtableReport, style: Style) -> [String] {
        let count = report.entries.count
        var lines = [
            style.paint("\(style.number(UInt64(count))) \(count == 1 ? "vtable" : "vtables")", .heading)
                + " in use by \(style.number(report.frames)) frames", "",
        ]
        var table = TextTable([
            .right("frames"), .left("pointer"), .flexible("symbol", cutsMiddle: true), .left("section"),
            .flexible("on_last_ref", cutsMiddle: true), .flexible("on_unmap", cutsMiddle: true),
        ])
        let isNarrow = style.isInteractive && (style.width ?? 200) < 200
        if isNarrow {
            // Too narrow for six columns: the hooks stand below their vtable.
            table = TextTable([
                .right("frames"), .left("pointer"), .flexible("symbol and hooks", cutsMiddle: true), .left("section"),
            ])
        }
        for entry in report.entries {
            var cells = [
                Cell(entry.frames.map { style.number($0) } ?? ""),
                entry.isDefault ? Cell("0 (default)", .dim) : Cell(Format.hex(entry.location.address), .accent),
                Cell(symbol(entry.location), entry.location.problem == nil ? nil : .bad),
                place(entry.location, expected: "r--"),
            ]
            guard isNarrow else {
                cells += [hook(entry.onLastRef, entry), hook(entry.onUnmap, entry)]
                table.add(cells)
                continue
            }
            table.add(cells)
            for (name, location) in [("on_last_ref", entry.onLastRef), ("on_unmap", entry.onUnmap)] {
                guard let location else { continue }
                table.add([
                    "", Cell("  " + name, .dim), hook(location, entry, withSource: false),
                    place(location, expected: "r-x"),
                ])
                if let source = location.source { table.add(["", "", Cell("  " + source, .dim)]) }
            }
            if entry.onLastRef == nil, entry.onUnmap == nil, entry.isReadable {
                table.add(["", Cell("  no hooks", .dim)])
            }
        }
        lines += table.lines(style)
        return lines + [""] + ProvenanceRenderer.lines(report.provenance, style: style)
    }

    /// The hook as one cell: symbol and source, `none`, or why it is not known.
    static func hook(_ location: CodeLocation?, _ entry: VtableEntry, withSource: Bool = true) -> Cell {
        guard entry.isReadable else { return Cell("unreadable", .bad) }
        guard let location else { return Cell("none", .dim) }
        if let problem = location.problem { return Cell("\(location.name): \(problem)", .bad) }
        return Cell(location.name + (withSource ? location.source.map { " (\($0))" } ?? "" : ""))
    }

    private static func symbol(_ location: CodeLocation) -> String {
        if let problem = location.problem { return problem }
        return location.symbol ?? "(no symbol)"
    }

    /// Section and permissions, marked where a page allows more than it should.
    static func place(_ location: CodeLocation, expected: String) -> Cell {
        guard !location.place.isEmpty else { return Cell("") }
        let isGood = location.permissions.map { $0 == expected } ?? true
        return Cell(location.place, isGood ? .dim : .warning)
    }

    /// The vtable of one frame, as lines of name and value.
    static func detail(_ entry: VtableEntry, style: Style) -> [[Cell]] {
        var rows: [[Cell]] = []
        let pointer = entry.isDefault ? "0, which selects the default" : Format.hex(entry.location.address)
        rows.append([Cell("vtable", .heading), Cell(pointer, .accent)])
        func add(_ name: String, _ location: CodeLocation) {
            if let problem = location.problem { rows.append([Cell(name), Cell(problem, .bad)]) }
            if let symbol = location.symbol { rows.append([Cell(name), Cell(symbol)]) }
            if let source = location.source { rows.append(["", Cell(source, .dim)]) }
            if !location.place.isEmpty { rows.append(["", Cell(location.place, .dim)]) }
        }
        add("  symbol", entry.location)
        guard entry.isReadable else { return rows + [["  hooks", Cell("could not be read", .bad)]] }
        for (name, hook) in [("  on_last_ref", entry.onLastRef), ("  on_unmap", entry.onUnmap)] {
            guard let hook else {
                rows.append([Cell(name), Cell("none", .dim)])
                continue
            }
            rows.append([Cell(name), Cell(Format.hex(hook.address), .accent)])
            add("", hook)
        }
        if entry.reservedNonZero { rows.append(["  reserved", Cell("not zero, as it should be", .warning)]) }
        return rows
    }
}
