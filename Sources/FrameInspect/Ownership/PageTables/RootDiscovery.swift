internal import GuestMemory

/// Finds top page tables by their signature: their upper half is the kernel's, entry by entry.
///
/// For kernels that keep no list of their address spaces that could be read.
struct RootDiscovery {
    /// Tables that are looked at more closely at most.
    static let maximumCandidates = 1 << 12
    private static let upperHalf = 2048..<4096
    /// What the processor writes into entries by itself, and what is left to software.
    private static let ignoredBits: UInt64 = 0x7FF0_0000_0000_0E60

    let memory: any PhysicalMemory
    /// The bytes of the kernel's own top table.
    private let reference: [UInt8]
    /// Offset of an entry that every address space of the kernel has.
    private let probe: Int

    /// Nil where the table has nothing in its upper half: everything would look like it.
    init?(memory: any PhysicalMemory, reference: [UInt8]) {
        guard reference.count == 4096 else { return nil }
        let probe = reference.withUnsafeBytes { bytes in
            stride(from: 4088, through: 2048, by: -8).first {
                bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self) & 1 != 0
            }
        }
        guard let probe else { return nil }
        self.memory = memory
        self.reference = reference
        self.probe = probe
    }

    /// Whether a page's upper half is the reference's.
    func matches(_ page: UnsafeRawBufferPointer) -> Bool {
        guard page.count >= 4096 else { return false }
        return reference.withUnsafeBytes { reference in
            RootDiscovery.upperHalf.allSatisfy { offset in
                guard offset % 8 == 0 else { return true }
                let left = page.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                let right = reference.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                return (left ^ right) & ~RootDiscovery.ignoredBits == 0
            }
        }
    }

    /// Physical addresses of the pages in `regions` that match, ascending.
    ///
    /// - Throws: ``MemoryError``.
    func candidates(in regions: [RAMRegion]) async throws(MemoryError) -> [UInt64] {
        var found: [UInt64] = []
        let expected = reference.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: probe, as: UInt64.self) }
        for region in regions {
            let start = (region.start.rawValue &+ 4095) & ~4095
            let end = region.end.rawValue & ~4095
            guard start < end else { continue }
            try await memory.forEachChunk(at: PhysicalAddress(start), count: end &- start, chunk: 1 << 20) {
                (address, bytes) throws(MemoryError) in
                if Task.isCancelled { throw MemoryError(.unavailable, "interrupted", at: address) }
                var offset = Int((4096 &- (address.rawValue & 4095)) & 4095)
                while offset <= bytes.count - 4096 {
                    let word = bytes.loadUnaligned(fromByteOffset: offset + probe, as: UInt64.self)
                    if (word ^ expected) & ~RootDiscovery.ignoredBits == 0,
                        matches(UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + 4096)]))
                    {
                        found.append(address.rawValue &+ UInt64(offset))
                    }
                    offset += 4096
                }
                return found.count < RootDiscovery.maximumCandidates
            }
            guard found.count < RootDiscovery.maximumCandidates else { break }
        }
        return found
    }
}
