/// An address space of the guest: reads by virtual address through the page tables in physical memory.
///
/// Reads need no permission of the page, as debuggers do.
public struct VirtualMemory: Sendable {
    /// A piece of virtual memory that is contiguous in physical memory.
    public struct Run: Hashable, Sendable {
        /// First virtual address.
        public var virtual: VirtualAddress
        /// First physical address.
        public var physical: PhysicalAddress
        /// Length in bytes.
        public var count: UInt64
    }

    /// The most pieces that a range may be scattered over.
    static let maximumRuns = 1 << 24

    /// The physical memory.
    public let memory: any PhysicalMemory
    /// The rules of translation.
    public let mode: PagingMode

    /// An address space by its rules.
    public init(memory: any PhysicalMemory, mode: PagingMode) {
        self.memory = memory
        self.mode = mode
    }

    /// The address space that a virtual CPU uses.
    public init(memory: any PhysicalMemory, state: ProcessorState) {
        self.init(memory: memory, mode: state.paging)
    }

    /// Where an address leads.
    ///
    /// - Throws: ``MemoryError`` with code `.notMapped`, or `.badPageTable` for tables that no CPU would follow.
    public func translate(_ address: VirtualAddress) async throws(MemoryError) -> Translation {
        var tables = TableCache(memory: memory)
        return try await translate(address, &tables)
    }

    /// The bytes from `address` on, which may cross pages; `count` is bounded by RAM before anything is allocated.
    ///
    /// - Throws: ``MemoryError``.
    public func bytes(at address: VirtualAddress, count: Int) async throws(MemoryError) -> [UInt8] {
        guard count > 0 else { return [] }
        var result: [UInt8] = []
        for run in try await physicalRuns(at: address, count: UInt64(count)) {
            result += try await memory.bytes(at: run.physical, count: Int(run.count))
        }
        return result
    }

    /// A little-endian number of 8 bytes.
    ///
    /// - Throws: ``MemoryError``.
    public func word(at address: VirtualAddress) async throws(MemoryError) -> UInt64 {
        try await bytes(at: address, count: 8).enumerated().reduce(0) {
            $0 | UInt64($1.element) << UInt64(8 * $1.offset)
        }
    }

    /// Where a range of virtual memory lies, in pieces as long as they can be.
    ///
    /// Each page table is read once, however many of its pages the range has.
    /// - Throws: ``MemoryError`` for the first address that leads nowhere, or a range larger than RAM.
    public func physicalRuns(at address: VirtualAddress, count: UInt64) async throws(MemoryError) -> [Run] {
        guard count > 0 else { return [] }
        // The same page may be mapped any number of times: RAM bounds what is read, not the page tables.
        guard count <= memory.map.totalBytes else {
            throw MemoryError(
                .malformed,
                "\(count) bytes from \(address) on are more than the guest's RAM (\(memory.map.totalBytes) bytes)")
        }
        guard address.advanced(by: count &- 1) != nil else {
            throw MemoryError(.notMapped, "\(count) bytes from \(address) on leave the address space")
        }
        var runs: [Run] = []
        var tables = TableCache(memory: memory)
        var position = address
        var remaining = count
        while remaining > 0 {
            let translation = try await translate(position, &tables)
            let length = min(remaining, translation.bytesToPageEnd)
            if let last = runs.last, last.physical.rawValue &+ last.count == translation.physical.rawValue {
                runs[runs.count - 1].count &+= length
            } else {
                guard runs.count < VirtualMemory.maximumRuns else {
                    throw MemoryError(.malformed, "the memory at \(address) is scattered over too many pieces")
                }
                runs.append(Run(virtual: position, physical: translation.physical, count: length))
            }
            remaining &-= length
            position = VirtualAddress(position.rawValue &+ length)
        }
        return runs
    }

    private func translate(
        _ address: VirtualAddress, _ tables: inout TableCache
    ) async throws(MemoryError) -> Translation {
        var walk = PageWalk(address, mode: mode)
        while true {
            switch walk.step {
            case .entry(let place): walk.feed(try await tables.entry(at: place, for: address))
            case .done(let translation): return translation
            case .fault(.notCanonical):
                throw MemoryError(.notMapped, "\(address) is not a canonical address: no page table can map it")
            case .fault(.notPresent(let level)):
                throw MemoryError(
                    .notMapped, "\(address) is not mapped (no entry at level \(level) of the page tables)")
            case .fault(.reservedBits(let level, let entry)):
                throw MemoryError(
                    .badPageTable,
                    "\(address): the page-table entry at level \(level), 0x\(String(entry, radix: 16)), has reserved bits set"
                )
            }
        }
    }

    /// The last tables of each kind that were read, whole.
    private struct TableCache {
        let memory: any PhysicalMemory
        private var tables: [(address: UInt64, entries: [UInt8])] = []

        init(memory: any PhysicalMemory) { self.memory = memory }

        mutating func entry(at place: PhysicalAddress, for address: VirtualAddress) async throws(MemoryError) -> UInt64
        {
            let table = place.rawValue & ~4095
            let offset = Int(place.rawValue & 4095)
            if let known = tables.first(where: { $0.address == table }) { return word(known.entries, offset) }
            let bytes: [UInt8]
            do {
                bytes = try await memory.bytes(at: PhysicalAddress(table), count: 4096)
            } catch {
                guard error.code == .notRAM else { throw error }
                throw MemoryError(
                    .badPageTable, "\(address): a page table would be at \(PhysicalAddress(table)), which is not RAM",
                    at: PhysicalAddress(table), cause: error)
            }
            if tables.count >= 8 { tables.removeFirst() }
            tables.append((table, bytes))
            return word(bytes, offset)
        }

        private func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
            bytes.withUnsafeBytes { buffer in
                offset + 8 <= buffer.count
                    ? UInt64(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) : 0
            }
        }
    }
}
