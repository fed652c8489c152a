import FrameInspect
import GuestMemory

/// The text of `diff`: totals by kind, the changes of each kind, what could not be told.
enum DiffRenderer {
    static func lines(_ document: DiffDocument, style: Style) -> [String] {
        let diff = document.diff
        var lines = [headline(diff, style: style), ""]
        if !diff.totals.isEmpty { lines += totals(diff, style: style) + [""] }
        for total in diff.totals {
            let changes = diff.changes.filter { $0.kind == total.kind }
            guard !changes.isEmpty else { continue }
            lines += section(total, changes, style: style) + [""]
        }
        for note in diff.notes {
            lines += TextBlocks.wrap("note: \(note)", style: style, hanging: 2).map { style.paint($0, .warning) }
        }
        if !diff.notes.isEmpty { lines.append("") }
        return lines + sources(document, style: style)
    }

    private static func headline(_ diff: SnapshotDiff, style: Style) -> String {
        let leaks = diff.total(.leakedSince).changes
        let verdict =
            diff.totals.isEmpty
            ? style.paint("nothing changed", .good)
            : leaks > 0
                ? style.paint("\(style.number(leaks)) leaked \(leaks == 1 ? "pin" : "pins") since", .bad)
                : style.paint("no leaked pin since", .good)
        return "\(verdict), \(style.number(diff.comparedSlots)) frames compared"
    }

    private static func totals(_ diff: SnapshotDiff, style: Style) -> [String] {
        var table = TextTable([.left("change"), .right("count"), .right("frames"), .right("MiB"), .flexible("meaning")])
        for total in diff.totals {
            let isOfFrames = total.kind != .mappedSince && total.kind != .unmapped
            table.add([
                Cell(total.kind.rawValue, tint(total.kind)), Cell(style.number(total.changes)),
                Cell(isOfFrames ? style.number(total.frames) : ""),
                Cell(isOfFrames ? style.mebibytes(frames: total.frames) : ""), Cell(total.kind.text, .dim),
            ])
        }
        return table.lines(style)
    }

    private static func section(
        _ total: SnapshotDiff.Total, _ changes: [SnapshotChange], style: Style
    ) -> [String] {
        var title = style.paint(total.kind.rawValue, tint(total.kind) ?? .heading)
        if UInt64(changes.count) < total.changes {
            title += style.paint(
                "  the first \(changes.count) of \(style.number(total.changes)), more with --limit", .dim)
        }
        var table = TextTable(
            [.left("where"), .right("frames"), .flexible("before"), .left(""), .flexible("after")], indent: 2,
            hasHeader: false)
        for change in changes {
            let place =
                change.frames.map { Format.hex($0.first.address.rawValue) }
                ?? change.capability.map { "capability \($0)" } ?? ""
            let before = change.before.isEmpty ? "not mapped" : change.before
            let after = change.after.isEmpty ? "not mapped" : change.after
            table.add([
                Cell(place, .accent), Cell(change.frames.map { "\(style.number($0.count))" } ?? "", .dim), Cell(before),
                Cell(style.unicode ? "→" : "->", .dim), Cell(after + (change.isUniform ? "" : " (the first one)")),
            ])
        }
        return [title] + table.lines(style)
    }

    private static func sources(_ document: DiffDocument, style: Style) -> [String] {
        let diff = document.diff
        var table = TextTable([.left(""), .flexible("", cutsMiddle: true), .flexible("")], hasHeader: false)
        for (word, name, kernel, provenance) in [
            ("Before:", document.before, diff.kernelBefore, diff.provenanceBefore),
            ("After:", document.after, diff.kernelAfter, diff.provenanceAfter),
        ] {
            var parts = [
                Format.time(secondsSince1970: provenance.time), "memory \(provenance.rung.rawValue)",
                provenance.consistent ? "guest stood still" : "guest running", "profile \(kernel.profile.name)",
            ]
            if let buildID = kernel.buildID { parts.append("build id \(buildID.prefix(12))\(style.ellipsis)") }
            table.add([Cell(word, .dim), Cell(name, .dim), Cell(parts.joined(separator: style.separator), .dim)])
        }
        return table.lines(style)
    }

    private static func tint(_ kind: ChangeKind) -> Tint? {
        switch kind {
        case .leakedSince: .bad
        case .stillLeaked, .samePin, .pinnedInBoth, .pinnedSince: .warning
        default: nil
        }
    }
}
