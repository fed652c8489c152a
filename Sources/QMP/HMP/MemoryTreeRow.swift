/// A range of the physical address space and what answers there.
public struct MemoryTreeRow: Hashable, Sendable {
    /// First address.
    public var start: UInt64
    /// Last address, inclusive.
    public var end: UInt64
    /// QEMU's priority of the region.
    public var priority: Int
    /// What it is: `ram`, `rom`, `romd`, `i/o`, `ramd`, `nv-ram` and others.
    public var type: String
    /// The memory region's name, for example `pc.ram`.
    public var name: String
    /// Offset of `start` within the region, in bytes; nil where QEMU prints none, which means 0.
    public var offset: UInt64?
    /// Whether the region is switched off.
    public var isDisabled: Bool

    /// A row from its parts.
    public init(
        start: UInt64, end: UInt64, priority: Int = 0, type: String, name: String, offset: UInt64? = nil,
        isDisabled: Bool = false
    ) {
        self.start = start
        self.end = end
        self.priority = priority
        self.type = type
        self.name = name
        self.offset = offset
        self.isDisabled = isDisabled
    }

    /// Reads `START-END (prio N, TYPE): NAME [@OFFSET] [[disabled]] [KVM]`.
    init?(_ line: Substring) {
        guard let space = line.firstIndex(of: " ") else { return nil }
        let range = line[..<space].split(separator: "-", omittingEmptySubsequences: false)
        guard range.count == 2, let start = MonitorText.hexadecimal(range[0]),
            let end = MonitorText.hexadecimal(range[1]), start <= end
        else { return nil }
        var rest = line[line.index(after: space)...]
        guard rest.hasPrefix("(prio ") else { return nil }
        rest = rest.dropFirst(6)
        guard let comma = rest.firstIndex(of: ","), let priority = Int(rest[..<comma]) else { return nil }
        rest = rest[rest.index(after: comma)...]
        guard rest.hasPrefix(" ") else { return nil }
        rest = rest.dropFirst()
        guard let parenthesis = rest.firstIndex(of: ")") else { return nil }
        let type = rest[..<parenthesis]
        rest = rest[rest.index(after: parenthesis)...]
        guard !type.isEmpty, rest.hasPrefix(": ") else { return nil }
        rest = rest.dropFirst(2)
        if rest.hasSuffix(" KVM") { rest = rest.dropLast(4) }
        let isDisabled = rest.hasSuffix(" [disabled]")
        if isDisabled { rest = rest.dropLast(11) }
        var offset: UInt64?
        if let at = rest.lastIndex(of: "@"), rest[..<at].hasSuffix(" "),
            rest[rest.index(after: at)...].utf8.count == 16,
            let value = MonitorText.hexadecimal(rest[rest.index(after: at)...])
        {
            offset = value
            rest = rest[..<at].dropLast()
        }
        self.init(
            start: start, end: end, priority: priority, type: String(type), name: String(rest), offset: offset,
            isDisabled: isDisabled)
    }
}
