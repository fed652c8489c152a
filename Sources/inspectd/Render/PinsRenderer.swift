import FrameInspect
import GuestMemory

/// The text of `pins`.
enum PinsRenderer {
    static func lines(_ report: PinsReport, style: Style) -> [String] {
        let survey = report.survey
        let orphaned = survey.pins.count { $0.isOrphaned }
        var headline =
            "\(style.number(UInt64(survey.pins.count))) pinned of \(style.number(UInt64(survey.owners))) owned blocks"
        if orphaned > 0 { headline += style.paint("; \(orphaned) without a capability", .bad) }
        if survey.passed > 0 { headline += style.paint("; \(survey.passed) more went meanwhile", .dim) }
        var lines = [style.paint(headline, .heading), ""]
        if let reason = survey.status.reason {
            lines += TextBlocks.wrap("The ownership table could not be read whole: \(reason)", style: style).map {
                style.paint($0, .warning)
            }
            lines.append("")
        }
        if !survey.pins.isEmpty {
            var table = TextTable([
                .left("block"), .right("order"), .left("state"), .right("pins"), .right("caps"), .right("refs"),
                .right("slot"), .right("mapped"), .right("generation"), .right("age"),
            ])
            for pin in survey.pins {
                let agrees = pin.slotReferences == pin.entry.refcount
                table.add([
                    Cell(Format.hex(pin.entry.base.rawValue), .accent), Cell("\(pin.entry.order)"),
                    Cell(pin.stateName ?? "\(pin.entry.state)"), Cell(style.number(pin.entry.transientRefs)),
                    Cell("\(pin.entry.capabilities.count)", pin.isOrphaned ? .bad : nil),
                    Cell(style.number(pin.entry.refcount)),
                    Cell(pin.slotReferences.map { style.number($0) } ?? "unused", agrees ? nil : .bad),
                    Cell("\(pin.mappings)"), Cell(pin.generation.map { style.number($0) } ?? ""),
                    Cell(pin.age.map { ">= " + Format.fixed($0, decimals: 1) + " s" } ?? ""),
                ])
            }
            lines += table.lines(style) + [""]
        }
        return lines + ProvenanceRenderer.lines(report.provenance, style: style)
    }
}
