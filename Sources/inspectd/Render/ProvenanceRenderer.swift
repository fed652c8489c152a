/// The lines below a report that say where its figures come from.
enum ProvenanceRenderer {
    static func lines(_ provenance: Provenance, style: Style) -> [String] {
        var parts = ["Read by \(provenance.way)" + (provenance.wayDetail.map { " (\($0))" } ?? "")]
        switch provenance.consistency {
        case "paused":
            if let pause = provenance.pauseNanoseconds {
                parts.append("guest paused for " + Format.duration(nanoseconds: pause, unicode: style.unicode))
            } else {
                parts.append(provenance.wasPausedBefore ? "guest was paused already" : "guest paused")
            }
        case "live":
            parts.append(
                "live, read twice"
                    + (provenance.movedSlots.map { ": " + style.number($0) + " slots moved in between" } ?? ""))
        default: parts.append(provenance.consistency)
        }
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
}
