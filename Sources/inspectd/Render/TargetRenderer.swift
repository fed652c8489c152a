/// The text of `targets`.
enum TargetRenderer {
    static func lines(_ report: TargetReport, style: Style) -> [String] {
        guard !report.targets.isEmpty else {
            return [
                "No QEMU process runs on this machine.",
                style.paint(
                    "Start one with a socket for inspectd:  qemu-system-x86_64 … -qmp unix:/tmp/qmp.sock,server=on,wait=off",
                    .dim),
            ].map { style.unicode ? $0 : $0.split(separator: "…").joined(separator: "...") }
        }
        var lines: [String] = []
        for target in report.targets {
            if !lines.isEmpty { lines.append("") }
            let name = target.name.map { style.paint(DisplayText.harmless($0), .heading) + style.separator } ?? ""
            lines.append(
                name + "pid \(target.pid)" + style.separator + DisplayText.harmless(target.user) + style.separator
                    + DisplayText.harmless(target.program))
            for (label, endpoints) in [("qmp", target.qmp), ("gdb", target.gdb)] {
                for endpoint in endpoints {
                    lines.append("  \(label)  " + style.paint(DisplayText.harmless(endpoint.description), .accent))
                }
            }
            if let command = target.command { lines.append("  " + style.paint(DisplayText.harmless(command), .good)) }
            for note in target.notes {
                lines += TextBlocks.wrap(note, style: style, indent: 2, hanging: 2).map { style.paint($0, .warning) }
            }
        }
        return lines
    }
}
