import GuestMemory
import GuestTesting
import Testing

/// Translation through tables in memory, against a list of what was mapped.
@Suite(.timeLimit(.minutes(1)))
struct VirtualMemoryTests {
    typealias Bit = PageTableBuilder.Bit

    /// RAM of 64 MiB with a hole in it, page tables in the last 16 MiB.
    private func tables(levels: Int = 4) throws -> (PageTableBuilder, VirtualMemory) {
        let low = try #require(RAMRegion(start: PhysicalAddress(0), length: 0xA_0000))
        let high = try #require(RAMRegion(start: PhysicalAddress(0x10_0000), length: 63 << 20))
        let memory = BufferMemory(map: RAMMap([low, high]))
        var next: UInt64 = 48 << 20
        let builder = PageTableBuilder(memory: memory, levels: levels) {
            next += 4096
            return next
        }
        let mode = PagingMode(root: PhysicalAddress(builder.root), levels: levels)
        return (builder, VirtualMemory(memory: memory, mode: mode))
    }

    struct Mapping {
        var virtual: UInt64
        var physical: UInt64
        var size: UInt64
        var bits: UInt64
        var tableBits: UInt64
    }

    @Test(arguments: [4, 5]) func agreesWithTheListOfMappings(_ levels: Int) async throws {
        let (builder, space) = try tables(levels: levels)
        var random = SeededGenerator(seed: UInt64(levels))
        var mappings: [Mapping] = []
        let width: UInt64 = levels == 5 ? 57 : 48
        for number in 0..<300 as Range<UInt64> {
            let size: UInt64 = [4096, 4096, 2 << 20, 1 << 30][Int(random.next() % 4)]
            // Every mapping in an entry of its own of the third level, so that none meets another.
            var virtual = (number << 30) | (random.next() % (1 << 30) & ~(size - 1))
            virtual |= (random.next() & 1) << (width - 1) | (random.next() % 2) << (width - 2)
            if virtual >> (width - 1) & 1 == 1 { virtual |= .max << width }
            let mapping = Mapping(
                virtual: virtual, physical: random.next() % (1 << 40) & ~(size - 1), size: size,
                bits: Bit.present | random.next() & (Bit.writable | Bit.user | Bit.noExecute | Bit.global), tableBits: 7
            )
            mappings.append(mapping)
            try builder.map(virtual, to: mapping.physical, size: size, bits: mapping.bits)
        }
        for mapping in mappings {
            for offset in [0, 1, mapping.size / 2, mapping.size - 1] {
                let found = try await space.translate(VirtualAddress(mapping.virtual + offset))
                #expect(found.physical.rawValue == mapping.physical + offset)
                #expect(found.pageSize == mapping.size)
                #expect(found.isWritable == (mapping.bits & Bit.writable != 0))
                #expect(found.isUser == (mapping.bits & Bit.user != 0))
                #expect(found.isExecutable == (mapping.bits & Bit.noExecute == 0))
                #expect(found.isGlobal == (mapping.bits & Bit.global != 0))
            }
        }
        for _ in 0..<2000 {
            let address = random.next() >> (64 - width) | (random.next() & 1 == 0 ? 0 : .max << (width - 1))
            let expected = mappings.first { address >= $0.virtual && address - $0.virtual < $0.size }
            let found = try? await space.translate(VirtualAddress(address))
            #expect(found?.physical.rawValue == expected.map { $0.physical + (address - $0.virtual) })
        }
    }

    @Test func rangesAreCutWhereMemoryIsScattered() async throws {
        let (builder, space) = try tables()
        let base: UInt64 = 0xFFFF_EA00_0000_0000
        // Two neighbours, one apart, one twice, one before its neighbour.
        let pages: [UInt64] = [0x20_0000, 0x20_1000, 0x30_0000, 0x30_0000, 0x2F_F000]
        for (index, page) in pages.enumerated() {
            try builder.map(base + UInt64(index) * 4096, to: page)
            try builder.memory.store([UInt8](repeating: UInt8(index), count: 4096), at: PhysicalAddress(page))
        }
        let runs = try await space.physicalRuns(at: VirtualAddress(base + 0x10), count: 5 * 4096 - 0x20)
        #expect(runs.map(\.physical.rawValue) == [0x20_0010, 0x30_0000, 0x30_0000, 0x2F_F000])
        #expect(runs.map(\.count) == [0x1FF0, 0x1000, 0x1000, 0xFF0])
        #expect(runs.map(\.virtual.rawValue) == [base + 0x10, base + 0x2000, base + 0x3000, base + 0x4000])
        let bytes = try await space.bytes(at: VirtualAddress(base + 0x1FFC), count: 8)
        #expect(bytes == [1, 1, 1, 1, 3, 3, 3, 3])
        #expect(try await space.word(at: VirtualAddress(base + 0x1FFC)) == 0x0303_0303_0101_0101)
        #expect(try await space.bytes(at: VirtualAddress(base), count: 0).isEmpty)
    }

    @Test func aRangeThatEndsInNothingIsAnError() async throws {
        let (builder, space) = try tables()
        try builder.map(0x1000, to: 0x20_0000)
        let error = await #expect(throws: MemoryError.self) {
            try await space.bytes(at: VirtualAddress(0x1FF8), count: 16)
        }
        #expect(error?.code == .notMapped)
        #expect(error?.message.contains("0x2000 is not mapped") == true)
    }

    @Test func rangesOutOfTheAddressSpaceOrLargerThanRAMAreRefused() async throws {
        let (builder, space) = try tables()
        let last = UInt64.max - 4095
        try builder.map(last, to: 0x20_0000)
        #expect(try await space.bytes(at: VirtualAddress(.max), count: 1) == [0])
        let leaving = await #expect(throws: MemoryError.self) {
            try await space.bytes(at: VirtualAddress(.max), count: 2)
        }
        #expect(leaving?.code == .notMapped)
        // One GiB of RAM that is not there, over and over: no read may be as large as that.
        for number in 0..<8 as Range<UInt64> { try builder.map(number << 30, to: 0, size: 1 << 30) }
        let huge = await #expect(throws: MemoryError.self) {
            try await space.bytes(at: VirtualAddress(0), count: 8 << 30)
        }
        #expect(huge?.code == .malformed)
    }

    @Test func tablesOutsideRAMAreNamed() async throws {
        let (builder, space) = try tables()
        try builder.map(0x1000, to: 0x20_0000)
        try builder.change(0x1000, level: 2) { $0 & ~0xFFFF_F000 | 0xB_0000 }
        let error = await #expect(throws: MemoryError.self) { try await space.translate(VirtualAddress(0x1000)) }
        #expect(error?.code == .badPageTable)
        #expect(error?.address == PhysicalAddress(0xB_0000))
        try builder.change(0x1000, level: 4) { $0 | Bit.large }
        let reserved = await #expect(throws: MemoryError.self) { try await space.translate(VirtualAddress(0x1000)) }
        #expect(reserved?.code == .badPageTable)
        #expect(reserved?.message.contains("level 4") == true)
    }

    @Test func aTableThatContainsItselfIsFollowed() async throws {
        let (builder, space) = try tables()
        try builder.map(0x1000, to: 0x20_0000)
        try builder.change(510 << 39, level: 4) { _ in builder.root | 3 }
        // All indices 510: the top table seen as a page.
        let address: UInt64 = 0xFFFF_0000_0000_0000 | 510 << 39 | 510 << 30 | 510 << 21 | 510 << 12
        #expect(try await space.translate(VirtualAddress(address)).physical.rawValue == builder.root)
        #expect(try await space.word(at: VirtualAddress(address + 510 * 8)) == builder.root | 3)
    }
}
