import FrameInspect
import GuestMemory

/// Physical memory with page tables in it, to put a kernel's structures into: all of RAM is mapped at ``directMap``.
final class KernelMemory {
    static let directMap: UInt64 = 0xFFFF_8000_0000_0000

    let memory: BufferMemory
    let root: UInt64
    /// Where the next structure goes.
    private(set) var end: UInt64

    init(megabytes: Int = 16) throws {
        let size = UInt64(megabytes) << 20
        let region = RAMRegion(start: PhysicalAddress(0), length: size).map { [$0] } ?? []
        memory = BufferMemory(map: RAMMap(region))
        root = 0x1000
        end = 0x10000
        // Pages of 2 MiB: writable, not executable.
        try put(0x2003, at: root + 256 * 8)
        try put(0x3003, at: 0x2000)
        for page in 0..<(size >> 21) { try put((1 << 63) | page << 21 | 0x83, at: 0x3000 + page * 8) }
    }

    var space: VirtualMemory { VirtualMemory(memory: memory, mode: PagingMode(root: PhysicalAddress(root))) }

    func put(_ word: UInt64, at physical: UInt64) throws { try memory.storeWord(word, at: PhysicalAddress(physical)) }

    /// Stores bytes behind what is there; the address under which the kernel sees them.
    func add(_ bytes: [UInt8], alignment: UInt64 = 16) throws -> UInt64 {
        let address = (end + alignment - 1) & ~(alignment - 1)
        try memory.store(bytes, at: PhysicalAddress(address))
        end = address + UInt64(bytes.count)
        return address + KernelMemory.directMap
    }

    /// Overwrites bytes at an address of the direct map.
    func store(_ bytes: [UInt8], at address: UInt64) throws {
        try memory.store(bytes, at: PhysicalAddress(address - KernelMemory.directMap))
    }

    /// Overwrites a number at an address of the direct map.
    func store(_ value: UInt64, width: Int, at address: UInt64) throws {
        var bytes = [UInt8](repeating: 0, count: width)
        Slot.put(value, 0, width, &bytes)
        try store(bytes, at: address)
    }

    func bytes(at address: UInt64, count: Int) async throws -> [UInt8] {
        try await memory.bytes(at: PhysicalAddress(address - KernelMemory.directMap), count: count)
    }
}
