/// One page of the current address space, as `info tlb` prints it.
public struct TLBRow: Hashable, Sendable {
    /// Virtual address.
    public var virtual: UInt64
    /// Physical address, already without the flags of the entry.
    public var physical: UInt64
    /// Not executable (`X` in the monitor's print).
    public var isNoExecute: Bool
    /// Global.
    public var isGlobal: Bool
    /// A large page of 2 MiB, 4 MiB or 1 GiB.
    public var isLarge: Bool
    /// Written since the bit was cleared.
    public var isDirty: Bool
    /// Used since the bit was cleared.
    public var isAccessed: Bool
    /// Not cached.
    public var isCacheDisabled: Bool
    /// Write-through.
    public var isWriteThrough: Bool
    /// Open to user mode.
    public var isUser: Bool
    /// Writable.
    public var isWritable: Bool

    /// Reads the reply to `info tlb`.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line; with code `.command(class: "HumanMonitor")` where
    ///   paging is off.
    public static func parse(_ text: String) throws(QMPError) -> [TLBRow] {
        try MonitorText.rejectRefusal(text, of: "info tlb")
        var rows: [TLBRow] = []
        for line in MonitorText.lines(text) {
            guard let row = TLBRow(line) else { throw .malformedLine(line, of: "info tlb", because: "is no page") }
            rows.append(row)
        }
        return rows
    }

    private init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count == 3, fields[0].hasSuffix(":"), let virtual = MonitorText.hexadecimal(fields[0].dropLast()),
            let physical = MonitorText.hexadecimal(fields[1]), let flags = MonitorText.flags(fields[2], "XGPDACTUW")
        else { return nil }
        self.virtual = virtual
        self.physical = physical
        isNoExecute = flags[0]
        isGlobal = flags[1]
        isLarge = flags[2]
        isDirty = flags[3]
        isAccessed = flags[4]
        isCacheDisabled = flags[5]
        isWriteThrough = flags[6]
        isUser = flags[7]
        isWritable = flags[8]
    }
}
