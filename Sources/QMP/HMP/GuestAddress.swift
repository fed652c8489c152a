/// The guest-physical address behind a virtual one, as `gva2gpa` prints it.
public enum GuestAddress: Hashable, Sendable {
    /// The physical address.
    case mapped(UInt64)
    /// The virtual address has no translation.
    case unmapped

    /// Reads the reply to `gva2gpa ADDRESS`.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line.
    public static func parse(_ text: String) throws(QMPError) -> GuestAddress {
        try MonitorText.rejectRefusal(text, of: "gva2gpa")
        let line = MonitorText.lines(text).first ?? ""
        if line == "Unmapped" { return .unmapped }
        guard line.hasPrefix("gpa: 0x"), let value = MonitorText.hexadecimal(line.dropFirst(5)) else {
            throw .malformedLine(line, of: "gva2gpa", because: "is no guest address")
        }
        return .mapped(value)
    }
}
