/// The flat view of the guest's physical address space, as `info mtree -f` prints it.
public enum MemoryTree {
    /// Most rows that are accepted.
    public static let rowLimit = 65_536

    /// Reads the view of the address space `memory` whose root is `system`: what the processors see.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line, or where there is no such view.
    public static func parse(_ text: String) throws(QMPError) -> [MemoryTreeRow] {
        let command = "info mtree -f"
        try MonitorText.rejectRefusal(text, of: command)
        var rows: [MemoryTreeRow] = []
        var isWanted = false
        var isFound = false
        for line in MonitorText.lines(text) {
            if line.hasPrefix("FlatView") {
                if isFound { break }
                isWanted = false
            } else if line.hasPrefix(" AS \"") {
                if line.hasPrefix(" AS \"memory\", root: system") {
                    isWanted = true
                    isFound = true
                }
            } else if isWanted, line.hasPrefix("  ") {
                if line.hasPrefix("  No rendered") { continue }
                guard rows.count < rowLimit else {
                    throw .malformedLine(line, of: command, because: "is row \(rowLimit + 1)")
                }
                guard let row = MemoryTreeRow(line.dropFirst(2)) else {
                    throw .malformedLine(line, of: command, because: "is no address range")
                }
                rows.append(row)
            }
        }
        guard isFound else {
            throw QMPError(
                .malformed,
                "the monitor's reply to `\(command)` has no view of the address space \"memory\" with the root "
                    + "\"system\"; this version of QEMU may print another format")
        }
        return rows
    }
}
