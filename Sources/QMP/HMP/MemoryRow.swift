/// A run of virtual addresses with the same permissions, as `info mem` prints it.
public struct MemoryRow: Hashable, Sendable {
    /// First address.
    public var start: UInt64
    /// First address behind the run; 0 where the run ends with the address space.
    public var end: UInt64
    /// Length in bytes, as printed.
    public var size: UInt64
    /// Open to user mode.
    public var isUser: Bool
    /// Readable.
    public var isReadable: Bool
    /// Writable.
    public var isWritable: Bool

    /// Reads the reply to `info mem`.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line; with code `.command(class: "HumanMonitor")` where
    ///   paging is off.
    public static func parse(_ text: String) throws(QMPError) -> [MemoryRow] {
        try MonitorText.rejectRefusal(text, of: "info mem")
        var rows: [MemoryRow] = []
        for line in MonitorText.lines(text) {
            guard let row = MemoryRow(line) else { throw .malformedLine(line, of: "info mem", because: "is no range") }
            rows.append(row)
        }
        return rows
    }

    private init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 3 else { return nil }
        let range = fields[0].split(separator: "-", omittingEmptySubsequences: false)
        guard range.count == 2, let start = MonitorText.hexadecimal(range[0]),
            let end = MonitorText.hexadecimal(range[1]), let size = MonitorText.hexadecimal(fields[1]),
            end &- start == size, let flags = MonitorText.flags(fields[2], "urw")
        else { return nil }
        self.start = start
        self.end = end
        self.size = size
        isUser = flags[0]
        isReadable = flags[1]
        isWritable = flags[2]
    }
}
