/// The registers of an x86-64 virtual CPU that decide how it translates addresses.
public struct ProcessorState: Hashable, Sendable {
    /// CR0: bit 31 turns paging on.
    public var cr0: UInt64
    /// CR3: physical address of the top table; the low 12 bits are flags or the PCID.
    public var cr3: UInt64
    /// CR4: bit 12 selects 5 levels.
    public var cr4: UInt64
    /// EFER: bit 10 is long mode, bit 11 allows NX.
    public var efer: UInt64

    /// The registers of one CPU.
    public init(cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64) {
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
    }

    /// Whether the CPU translates through 4 or 5 levels.
    public var isLongMode: Bool { cr0 & 1 << 31 != 0 && efer & 1 << 10 != 0 }

    /// The rules of translation.
    public var paging: PagingMode {
        PagingMode(
            root: PhysicalAddress(cr3 & PagingMode.addressMask(bits: 52)), levels: cr4 & 1 << 12 != 0 ? 5 : 4,
            hasNoExecute: efer & 1 << 11 != 0)
    }
}

/// How virtual addresses are translated: Intel SDM volume 3, chapter "Paging", 4-level and 5-level paging.
public struct PagingMode: Hashable, Sendable {
    /// The top table.
    public var root: PhysicalAddress
    /// 4 or 5.
    public var levels: Int
    /// Whether bit 63 of an entry forbids execution; otherwise it is reserved.
    public var hasNoExecute: Bool
    /// Bits of a physical address; entries with higher ones are broken.
    ///
    /// 52 where the CPU's width is not known.
    public var physicalBits: Int

    /// The rules.
    public init(root: PhysicalAddress, levels: Int = 4, hasNoExecute: Bool = true, physicalBits: Int = 52) {
        self.root = root
        self.levels = levels == 5 ? 5 : 4
        self.hasNoExecute = hasNoExecute
        self.physicalBits = min(max(physicalBits, 32), 52)
    }

    /// The bits of an entry that are a frame's address.
    static func addressMask(bits: Int) -> UInt64 { ((1 &<< UInt64(bits)) &- 1) & ~0xFFF }

    /// The bits of a present entry that must be zero: Intel SDM volume 3, tables of the formats of paging-structure entries.
    public func reservedBits(level: Int, isLeaf: Bool) -> UInt64 {
        var reserved = PagingMode.addressMask(bits: 52) & ~PagingMode.addressMask(bits: physicalBits)
        if !hasNoExecute { reserved |= 1 << 63 }
        if level >= 4 { reserved |= 0x80 }
        // Between a large page's attribute bit and its address.
        if isLeaf, level == 2 { reserved |= 0x1F_E000 }
        if isLeaf, level == 3 { reserved |= 0x3FFF_E000 }
        return reserved
    }

    /// Whether the highest bits of an address are copies of the one below them, as the CPU demands.
    public func isCanonical(_ address: VirtualAddress) -> Bool {
        let unused = UInt64(64 - (levels == 5 ? 57 : 48))
        return UInt64(bitPattern: (Int64(bitPattern: address.rawValue << unused)) >> Int64(unused)) == address.rawValue
    }
}
