/// The translation of one virtual address, as a machine that asks for the entries it needs and reads nothing itself.
///
/// Permissions are those that all levels grant: Intel SDM volume 3, section "Determination of Access Rights".
public struct PageWalk: Sendable {
    /// What the walk needs or found.
    public enum Step: Hashable, Sendable {
        /// The 8-byte entry at this address must be fed.
        case entry(PhysicalAddress)
        /// The address is mapped.
        case done(Translation)
        /// The address leads nowhere.
        case fault(Fault)
    }

    /// Why an address leads nowhere.
    public enum Fault: Hashable, Sendable {
        /// The highest bits are not copies of the one below.
        case notCanonical
        /// The entry of this level is not present.
        case notPresent(level: Int)
        /// The entry of this level has bits that must be zero.
        case reservedBits(level: Int, entry: UInt64)
    }

    /// What to do next.
    public private(set) var step: Step

    private let mode: PagingMode
    private let virtual: VirtualAddress
    private var level: Int
    private var isWritable = true
    private var isUser = true
    private var isExecutable = true

    /// A walk that begins at the top table.
    public init(_ virtual: VirtualAddress, mode: PagingMode) {
        self.mode = mode
        self.virtual = virtual
        level = mode.levels
        step =
            mode.isCanonical(virtual)
            ? .entry(PageWalk.entryAddress(mode.root, virtual, level: mode.levels)) : .fault(.notCanonical)
    }

    /// Goes on with the entry that ``step`` asked for; does nothing where none was.
    public mutating func feed(_ entry: UInt64) {
        guard case .entry = step else { return }
        guard entry & 1 != 0 else {
            step = .fault(.notPresent(level: level))
            return
        }
        let isLeaf = level == 1 || (entry & 0x80 != 0 && level <= 3)
        guard entry & mode.reservedBits(level: level, isLeaf: isLeaf) == 0 else {
            step = .fault(.reservedBits(level: level, entry: entry))
            return
        }
        isWritable = isWritable && entry & 2 != 0
        isUser = isUser && entry & 4 != 0
        isExecutable = isExecutable && !(mode.hasNoExecute && entry >> 63 != 0)
        let mask = PagingMode.addressMask(bits: 52)
        guard isLeaf else {
            level -= 1
            step = .entry(PageWalk.entryAddress(PhysicalAddress(entry & mask), virtual, level: level))
            return
        }
        let size = PageWalk.pageSize(level: level)
        let offset = size &- 1
        step = .done(
            Translation(
                virtual: virtual, physical: PhysicalAddress((entry & mask & ~offset) | (virtual.rawValue & offset)),
                pageSize: size, isWritable: isWritable, isUser: isUser, isExecutable: isExecutable,
                isGlobal: entry & 0x100 != 0))
    }

    /// Bytes that one entry of a level covers.
    static func pageSize(level: Int) -> UInt64 { 1 &<< UInt64(12 + 9 * (level - 1)) }

    private static func entryAddress(_ table: PhysicalAddress, _ virtual: VirtualAddress, level: Int) -> PhysicalAddress
    {
        let index = virtual.rawValue >> UInt64(12 + 9 * (level - 1)) & 511
        return PhysicalAddress(table.rawValue &+ index &* 8)
    }
}
