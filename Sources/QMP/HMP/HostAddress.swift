/// Where a guest-physical address lies in QEMU's own address space, as `gpa2hva` prints it.
public enum HostAddress: Hashable, Sendable {
    /// RAM: the address in QEMU's process, and the memory region's name.
    case mapped(value: UInt64, region: String)
    /// Nothing is mapped at the address.
    case noMemory
    /// Something else than RAM is there.
    case notRAM

    /// The address in QEMU's process, for RAM.
    public var value: UInt64? { if case .mapped(let value, _) = self { value } else { nil } }

    /// The memory region's name, for RAM.
    public var region: String? { if case .mapped(_, let region) = self { region } else { nil } }

    /// Reads the reply to `gpa2hva ADDRESS`.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line.
    public static func parse(_ text: String) throws(QMPError) -> HostAddress {
        try MonitorText.rejectRefusal(text, of: "gpa2hva")
        let line = MonitorText.lines(text).first ?? ""
        if line.hasPrefix("No memory is mapped at address ") { return .noMemory }
        if line.hasPrefix("Memory at address "), line.hasSuffix(" is not RAM") { return .notRAM }
        let opening = "Host virtual address for 0x"
        guard line.hasPrefix(opening) else { throw .malformedLine(line, of: "gpa2hva", because: "is no host address") }
        let rest = line.dropFirst(opening.count)
        guard let space = rest.firstIndex(of: " "), MonitorText.hexadecimal(rest[..<space]) != nil,
            let last = rest.lastIndex(of: " ")
        else { throw .malformedLine(line, of: "gpa2hva", because: "is no host address") }
        let number = rest[rest.index(after: last)...]
        let middle = rest[space..<last]
        guard middle.hasPrefix(" ("), middle.hasSuffix(") is"), middle.utf8.count >= 6 else {
            throw .malformedLine(line, of: "gpa2hva", because: "is no host address")
        }
        if number == "(nil)" { return .noMemory }
        guard number.hasPrefix("0x"), let value = MonitorText.hexadecimal(number) else {
            throw .malformedLine(line, of: "gpa2hva", because: "has no host address at its end")
        }
        return .mapped(value: value, region: String(middle.dropFirst(2).dropLast(4)))
    }
}
