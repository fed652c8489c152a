import FrameInspect

/// The text of `snapshot`.
enum SnapshotRenderer {
    static func lines(_ report: SnapshotReport, style: Style) -> [String] {
        let contents = report.contents
        var parts = ["\(style.number(contents.slots)) frames"]
        if let owners = contents.owners {
            parts.append("\(style.number(UInt64(owners))) owned \(owners == 1 ? "block" : "blocks")")
            parts.append("\(style.number(UInt64(contents.pinnedBlocks))) of them pinned")
        }
        if let capabilities = contents.capabilities {
            parts.append(
                "\(style.number(UInt64(capabilities))) mapped \(capabilities == 1 ? "capability" : "capabilities")")
        }
        var lines = [
            style.paint(DisplayText.harmless(report.path), .heading) + style.separator
                + Format.bytes(UInt64(report.snapshot.bytes.count)),
            "  " + parts.joined(separator: style.separator),
        ]
        for gap in contents.gaps {
            lines += TextBlocks.wrap("not kept: \(gap)", style: style, indent: 2, hanging: 2).map {
                style.paint($0, .warning)
            }
        }
        return lines + [""] + ProvenanceRenderer.lines(report.provenance, style: style)
    }
}
