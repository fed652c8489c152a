/// The lines below a report that say where its figures come from.
enum ProvenanceRenderer {
    static func lines(_ provenance: Provenance, style: Style) -> [String] {
        var parts = ["Memory: \(provenance.way)" + (provenance.wayDetail.map { " (\($0))" } ?? "")]
        parts.append(moment(provenance, style: style))
        if let image = provenance.image {
            parts.append(
                "image \(image)" + (provenance.buildID.map { " (build id \($0.prefix(12))\(style.ellipsis))" } ?? ""))
        } else {
            parts.append("no image")
        }
        parts.append("profile \(provenance.profile)")
        let text = parts.joined(separator: style.separator)
        var lines = TextBlocks.wrap(text, style: style, hanging: 2).map { style.paint($0, .dim) }
        for refusal in provenance.refusals {
            let sentence = "\(refusal.way) was not possible: \(refusal.reason)"
            lines += TextBlocks.wrap(sentence, style: style, indent: 2, hanging: 2).map { style.paint($0, .dim) }
        }
        return lines
    }

    /// What the guest was doing while it was read.
    static func moment(_ provenance: Provenance, style: Style) -> String {
        switch provenance.consistency {
        case "paused":
            guard let nanoseconds = provenance.pauseNanoseconds else { return "guest was paused already" }
            let pause = Format.duration(nanoseconds: nanoseconds, unicode: style.unicode)
            return provenance.isHeldByStub
                ? "guest held by the GDB stub (\(pause) up to the end of the copy)" : "guest paused for \(pause)"
        case "live":
            guard let moved = provenance.movedSlots else { return "guest running" }
            let count = (provenance.isMovedLimited ? "at least " : "") + style.number(moved)
            return "guest running, read twice: \(count) \(moved == 1 ? "slot" : "slots") moved in between"
        default: return "guest as it was when the core was written"
        }
    }
}
