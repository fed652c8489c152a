public import GuestMemory

/// Writes x86-64 page tables into memory that a test makes up.
public final class PageTableBuilder {
    /// Bits of an entry.
    public enum Bit {
        /// The entry leads somewhere.
        public static let present: UInt64 = 1
        /// Writing is allowed.
        public static let writable: UInt64 = 2
        /// User mode is allowed.
        public static let user: UInt64 = 4
        /// The entry of level 2 or 3 is a page, not a table.
        public static let large: UInt64 = 0x80
        /// The translation outlives a change of the address space.
        public static let global: UInt64 = 0x100
        /// Execution is forbidden.
        public static let noExecute: UInt64 = 1 << 63
    }

    /// Where the tables are written to.
    public let memory: BufferMemory
    /// 4 or 5.
    public let levels: Int
    /// Physical address of the top table.
    public let root: UInt64
    private let takePage: () -> UInt64
    private var entries: [UInt64: UInt64] = [:]

    /// Empty tables; each page for one is asked from `takePage`.
    public init(memory: BufferMemory, levels: Int = 4, takePage: @escaping () -> UInt64) {
        self.memory = memory
        self.levels = levels
        self.takePage = takePage
        root = takePage()
    }

    /// Maps one page; `size` is 4 KiB, 2 MiB or 1 GiB.
    ///
    /// - Parameters:
    ///   - bits: Bits of the last entry; ``Bit/large`` is added where the size asks for it.
    ///   - tableBits: Bits of the entries above that are made on the way.
    /// - Throws: `MemoryError` where a table is not RAM.
    public func map(
        _ virtual: UInt64, to physical: UInt64, size: UInt64 = 4096,
        bits: UInt64 = Bit.present | Bit.writable,
        tableBits: UInt64 = Bit.present | Bit.writable | Bit.user
    ) throws {
        let last = size == 4096 ? 1 : size == 1 << 21 ? 2 : 3
        var table = root
        var level = levels
        while level > last {
            let place = PageTableBuilder.place(virtual, level: level, table: table)
            if let entry = entries[place] {
                table = entry & 0xF_FFFF_FFFF_F000
            } else {
                table = takePage()
                try set(place, table | tableBits)
            }
            level -= 1
        }
        let place = PageTableBuilder.place(virtual, level: last, table: table)
        try set(place, physical | bits | (last > 1 ? Bit.large : 0))
    }

    /// Changes the entry of one level on the way to `virtual`; the levels above must be there.
    ///
    /// - Throws: `MemoryError` where the entry is not RAM.
    public func change(_ virtual: UInt64, level: Int, _ body: (UInt64) -> UInt64) throws {
        var table = root
        for above in stride(from: levels, to: level, by: -1) {
            table = (entries[PageTableBuilder.place(virtual, level: above, table: table)] ?? 0) & 0xF_FFFF_FFFF_F000
        }
        let place = PageTableBuilder.place(virtual, level: level, table: table)
        try set(place, body(entries[place] ?? 0))
    }

    private func set(_ place: UInt64, _ entry: UInt64) throws {
        entries[place] = entry
        try memory.storeWord(entry, at: PhysicalAddress(place))
    }

    private static func place(_ virtual: UInt64, level: Int, table: UInt64) -> UInt64 {
        table + (virtual >> (12 + 9 * UInt64(level - 1)) & 511) * 8
    }
}
