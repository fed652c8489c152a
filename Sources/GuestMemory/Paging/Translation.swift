/// Where a virtual address leads, and what may be done there.
public struct Translation: Hashable, Sendable {
    /// The address that was translated.
    public var virtual: VirtualAddress
    /// The physical address.
    public var physical: PhysicalAddress
    /// Bytes of the page: 4 KiB, 2 MiB or 1 GiB.
    public var pageSize: UInt64
    /// Whether every level allows writing.
    public var isWritable: Bool
    /// Whether every level allows user mode.
    public var isUser: Bool
    /// Whether no level forbids execution.
    public var isExecutable: Bool
    /// Whether the last entry is kept when the address space changes.
    public var isGlobal: Bool

    /// Bytes from the address to the end of its page.
    public var bytesToPageEnd: UInt64 { pageSize &- (virtual.rawValue & (pageSize &- 1)) }
}
