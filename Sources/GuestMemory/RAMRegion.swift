/// A contiguous piece of guest physical memory that one RAM block of QEMU backs.
public struct RAMRegion: Hashable, Sendable, Codable {
    /// First physical address.
    public var start: PhysicalAddress
    /// Length in bytes, never 0; `start + length` fits in 64 bits.
    public var length: UInt64
    /// Name of QEMU's RAM block, for example `pc.ram`; empty where the source has none.
    public var block: String
    /// Offset of `start` within the block, in bytes.
    public var blockOffset: UInt64
    /// Whether the guest cannot write here (ROM, firmware shadow).
    public var isReadOnly: Bool

    /// A region; nil where it is empty or passes the end of the 64-bit space.
    public init?(
        start: PhysicalAddress, length: UInt64, block: String = "", blockOffset: UInt64 = 0, isReadOnly: Bool = false
    ) {
        guard length > 0, start.advanced(by: length - 1) != nil, start.advanced(by: length) != nil else { return nil }
        self.start = start
        self.length = length
        self.block = block
        self.blockOffset = blockOffset
        self.isReadOnly = isReadOnly
    }

    /// The first address behind the region.
    public var end: PhysicalAddress { PhysicalAddress(start.rawValue &+ length) }

    /// Whether `address` lies inside.
    public func contains(_ address: PhysicalAddress) -> Bool { address >= start && address < end }
}
