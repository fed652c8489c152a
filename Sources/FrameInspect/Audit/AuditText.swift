internal import GuestMemory

/// A number as people write addresses.
func hexadecimal(_ number: UInt64) -> String { "0x" + String(number, radix: 16) }

extension CodePlace {
    /// The symbol with the distance from its start; nil where none holds the address.
    public var symbolText: String? {
        symbol.map { symbolOffset == 0 ? $0 : "\($0)+\(hexadecimal(symbolOffset))" }
    }
}

extension VirtualAddress {
    /// Whether it lies in the upper half of the address space.
    var isKernelHalf: Bool { rawValue >> 63 == 1 }
}

extension OwnershipTable.Entry {
    /// The block in words, the same in every run.
    var text: String { "block \(head.address) of order \(order)" }

    /// The block's frames.
    var frames: FrameRange { FrameRange(head, count: max(frameCount, 1)) }
}

extension ReverseMap {
    /// An address space in words.
    public func name(ofRoot index: Int) -> String {
        guard roots.indices.contains(index) else { return "an unknown address space" }
        let root = roots[index]
        return root.identifier.map { "address space \($0)" } ?? "the address space at \(root.address)"
    }
}

extension ReverseMap.Root {
    /// Whether a processor uses it or the kernel lists it; one that only looks like a page table may be what is left of one.
    var isInUse: Bool { origins.contains(.processor) || origins.contains(.listed) }
}

extension ReverseMap.Permissions {
    /// Like `rw-u`: read, write, execute, user mode.
    public var text: String {
        "r" + (contains(.write) ? "w" : "-") + (contains(.execute) ? "x" : "-") + (contains(.user) ? "u" : "-")
    }
}

extension FreeListHead {
    /// The list in words.
    func text(zones: [String]) -> String {
        let name = zone < zones.count ? zones[zone] : "\(zone)"
        return "the free list of order \(order) (zone \(name), segment \(segment), type \(migrateType))"
    }
}
