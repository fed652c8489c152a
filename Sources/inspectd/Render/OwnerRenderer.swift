import FrameInspect
import GuestMemory

/// The text of `owner`.
enum OwnerRenderer {
    /// The most mappings of a capability that stand on its line.
    private static let shownMappings = 4

    static func lines(_ report: OwnerReport, style: Style) -> [String] {
        let ownership = report.ownership
        var lines = [
            style.paint("Frame \(Format.hex(report.frame.address))", .heading),
            style.paint("\(report.frame.state): ", report.frame.colour.map { .kind($0) }) + report.frame.stateText, "",
        ]
        lines += owner(ownership, style: style) + [""]
        lines += mappings(ownership, style: style) + [""]
        if let list = ownership.freeList { lines += ["On \(list)", ""] }
        if ownership.isCached { lines += ["In a per-CPU cache", ""] }
        if let vtable = report.frame.vtable {
            var table = TextTable([.left(""), .flexible("")], hasHeader: false)
            for row in VtableRenderer.detail(vtable, style: style) { table.add(row) }
            lines += table.lines(style) + [""]
        }
        for gap in ownership.gaps {
            let text = "\(gap.subject) could not be read whole: \(gap.status.reason ?? "")"
            lines += TextBlocks.wrap(text, style: style, hanging: 2).map { style.paint($0, .warning) }
        }
        return lines + ProvenanceRenderer.lines(report.provenance, style: style)
    }

    private static func owner(_ ownership: FrameOwnership, style: Style) -> [String] {
        guard let entry = ownership.entry else { return [style.paint("No ownership entry", .dim)] }
        var table = TextTable([.left(""), .flexible("")], indent: 2, hasHeader: false)
        table.add(["block", Cell("\(Format.hex(entry.base.rawValue)), order \(entry.order)", .accent)])
        table.add(["state", Cell(ownership.stateName ?? "\(entry.state)")])
        table.add([
            "references",
            Cell("\(entry.refcount): \(entry.capabilities.count) capabilities, \(entry.transientRefs) pins"),
        ])
        table.add(["entry at", Cell(Format.hex(entry.address.rawValue), .dim)])
        for capability in ownership.capabilities {
            let places = capability.mappings.prefix(shownMappings).map {
                "\(Format.hex($0.address.rawValue)) of \($0.space) (\(Format.bytes($0.pageSize)))"
            }
            let more = capability.mappings.count - places.count
            let text = places.isEmpty ? "mapped nowhere, says the index" : places.joined(separator: ", ")
            table.add(["capability", Cell("\(capability.number): \(text)" + (more > 0 ? ", and \(more) more" : ""))])
        }
        return [style.paint("Owner", .heading)] + table.lines(style)
    }

    private static func mappings(_ ownership: FrameOwnership, style: Style) -> [String] {
        guard !ownership.mappings.isEmpty else { return [style.paint("No page table maps it", .dim)] }
        var table = TextTable([.left("mapped in"), .left("at"), .left("page"), .left("access")], indent: 2)
        for mapping in ownership.mappings {
            table.add([
                Cell(mapping.isDirectMap ? "kernel, direct map" : mapping.space, mapping.isDirectMap ? .dim : nil),
                Cell(Format.hex(mapping.address.rawValue), .accent), Cell(Format.bytes(mapping.pageSize)),
                Cell(mapping.permissions),
            ])
        }
        return [style.paint("Mappings", .heading)] + table.lines(style)
    }
}
