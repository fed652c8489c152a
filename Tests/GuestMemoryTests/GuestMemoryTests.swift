import GuestMemory
import Testing

@Suite struct RAMMapTests {
    private func region(_ start: UInt64, _ length: UInt64, _ block: String = "ram", offset: UInt64 = 0) throws
        -> RAMRegion
    {
        try #require(RAMRegion(start: PhysicalAddress(start), length: length, block: block, blockOffset: offset))
    }

    @Test func refusesRegionsThatLeaveTheAddressSpace() {
        #expect(RAMRegion(start: PhysicalAddress(0), length: 0) == nil)
        #expect(RAMRegion(start: PhysicalAddress(.max), length: 2) == nil)
        #expect(RAMRegion(start: PhysicalAddress(.max - 1), length: 2) == nil)
    }

    @Test func cutsOverlapsAndSorts() throws {
        let map = RAMMap([
            try region(0x3000, 0x1000), try region(0, 0x2000), try region(0x1000, 0x1800, "late", offset: 0x100),
        ])
        #expect(map.regions.map(\.start.rawValue) == [0, 0x2000, 0x3000])
        #expect(map.regions[1].blockOffset == 0x1100)
        #expect(map.totalBytes == 0x2000 + 0x800 + 0x1000)
    }

    @Test(arguments: [
        (0, true), (0xfff, true), (0x1000, false), (0x1fff, false), (0x2000, true), (0x2fff, true), (0x3000, false),
    ])
    func findsTheRegionOrTheHole(address: UInt64, isRAM: Bool) throws {
        let map = RAMMap([try region(0, 0x1000), try region(0x2000, 0x1000)])
        #expect((map.region(containing: PhysicalAddress(address)) != nil) == isRAM)
    }

    @Test func piecesCrossAdjacentRegionsAndStopAtHoles() throws {
        let map = RAMMap([try region(0, 0x1000, "a"), try region(0x1000, 0x1000, "b"), try region(0x3000, 0x1000, "c")])
        let pieces = try map.pieces(at: PhysicalAddress(0xff0), count: 0x20)
        #expect(pieces.map(\.count) == [0x10, 0x10])
        #expect(pieces.map(\.region.block) == ["a", "b"])
        let error = #expect(throws: MemoryError.self) { try map.pieces(at: PhysicalAddress(0x1ff8), count: 16) }
        #expect(error?.code == .notRAM)
        #expect(error?.address == PhysicalAddress(0x2000))
        #expect(throws: MemoryError.self) { try map.pieces(at: PhysicalAddress(0x3000), count: .max) }
        #expect(try map.pieces(at: PhysicalAddress(0x2800), count: 0).isEmpty)
    }
}
