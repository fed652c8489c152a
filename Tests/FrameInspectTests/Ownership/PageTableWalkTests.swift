import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// The reverse map says of every frame what a translation says of every address.
@Suite(.timeLimit(.minutes(2))) struct PageTableWalkTests {
    private static let (present, write, user, large, noExecute): (UInt64, UInt64, UInt64, UInt64, UInt64) = (
        1, 2, 4, 0x80, 1 << 63
    )

    /// Two address spaces over the kernel's: pages of all sizes, with permissions that differ by level.
    private static func spaces(_ kernel: KernelMemory) throws -> [ReverseMap.Root] {
        var tables: UInt64 = 0x20_0000
        var roots: [ReverseMap.Root] = []
        for space in 0..<2 as Range<UInt64> {
            let (top, directories, directory, table) = (tables, tables + 0x1000, tables + 0x2000, tables + 0x3000)
            tables += 0x4000
            let upper: [UInt64] = space == 0 ? [present | write | user] : [present | user]
            try kernel.put(directories | upper[0], at: top)
            try kernel.put(0x2000 | 3, at: top + 256 * 8)
            try kernel.put(directory | present | write | user, at: directories)
            try kernel.put(0x4000_0000 | present | user | large, at: directories + 8)
            try kernel.put(table | present | write | user, at: directory)
            try kernel.put(0x60_0000 | present | write | user | large | noExecute, at: directory + 8)
            for page in 0..<20 as Range<UInt64> {
                let bits = page < 10 ? present | write | user : present | user | noExecute
                try kernel.put((0x80_0000 + space * 0x5000 + page * 4096) | bits, at: table + page * 8)
            }
            roots.append(
                ReverseMap.Root(address: PhysicalAddress(top), identifier: space, origins: [.listed]))
        }
        return roots
    }

    private static func walk(
        _ roots: [ReverseMap.Root], _ kernel: KernelMemory, directMap: UInt64? = KernelMemory.directMap
    ) async throws -> PageTableWalk {
        var walk = PageTableWalk(mode: PagingMode(root: PhysicalAddress(0)), directMap: directMap)
        try await walk.walk(roots, in: kernel.memory)
        return walk
    }

    @Test func agreesWithTranslations() async throws {
        let kernel = try KernelMemory()
        let roots = try Self.spaces(kernel)
        let map = ReverseMap(try await Self.walk(roots, kernel))
        #expect(map.problemCount == 0)
        for index in 0..<map.count {
            let run = map[index]
            let space = VirtualMemory(
                memory: kernel.memory, mode: PagingMode(root: map.roots[run.root].address))
            for page in [0, run.frameCount / 2, run.frameCount - 1] {
                let frame = FrameNumber(run.frame.rawValue + page)
                let found = try await space.translate(run.virtual(of: frame))
                #expect(found.physical == frame.address)
                #expect(found.pageSize == run.pageSize)
                #expect(found.isWritable == run.permissions.contains(.write))
                #expect(found.isExecutable == run.permissions.contains(.execute))
                #expect(found.isUser == run.permissions.contains(.user))
                #expect(map.mappings(of: frame).contains(run))
            }
        }
        // In runs: the direct map and two runs of pages, a 2 MiB page and a 1 GiB page for each space.
        #expect(map.count == 9)
        #expect((0..<map.count).count { map[$0].isDirectMap } == 1)
        #expect((0..<map.count).count { map[$0].half == .kernel } == 1, "the shared half is walked once")
        // Both spaces map these frames, beside the direct map.
        let shared = FrameNumber(0x806)
        #expect(Set(map.uses(of: shared).map { map.roots[$0.root].identifier }) == [0, 1])
        #expect(map.mappings(of: shared).count == 3)
        #expect(map.uses(of: FrameNumber(0x7F0)).count == 2 && map.uses(of: FrameNumber(0x100)).isEmpty)
        #expect(map.mappings(of: FrameNumber(0x4_0000 + 77)).count == 2)
    }

    @Test func writingIsWhatAllLevelsAllow() async throws {
        let kernel = try KernelMemory()
        let map = ReverseMap(try await Self.walk(try Self.spaces(kernel), kernel))
        let uses = map.uses(of: FrameNumber(0x806)).sorted { $0.root < $1.root }
        try #require(uses.count == 2)
        #expect(uses[0].permissions == [.write, .user, .execute])
        #expect(uses[1].permissions == [.user, .execute], "the top entry of the second space is read-only")
    }

    @Test func brokenTablesAreCounted() async throws {
        let kernel = try KernelMemory()
        let roots = try Self.spaces(kernel)
        // An entry of the first space that points to its own table, one beyond RAM, one with reserved bits.
        try kernel.put(0x20_1000 | 7, at: 0x20_1000 + 16)
        try kernel.put(0xFFFF_F000 | 7, at: 0x20_1000 + 24)
        try kernel.put(0x60_0000 | 0x4000 | 0x87, at: 0x20_2000 + 16)
        let map = ReverseMap(try await Self.walk(roots, kernel))
        #expect(Set(map.problems.map(\.kind)) == [.cycle, .tableOutsideRAM, .reservedBits])
        #expect(Set(map.problems.map(\.address.rawValue)) == [0x20_1010, 0x20_1018, 0x20_2010])
        #expect(map.count == 9, "the rest is there")
    }

    @Test func tablesThatLeadToEachOtherEnd() async throws {
        // Every entry of each level leads to the next table: 512 to the power of four pages, which no guest has.
        let kernel = try KernelMemory(megabytes: 2)
        for level in 0..<4 as Range<UInt64> {
            for entry in 0..<512 as Range<UInt64> {
                let target = level == 3 ? (entry * 7919 % 500) << 12 : 0x10_0000 + (level + 1) * 4096
                try kernel.put(target | 7, at: 0x10_0000 + level * 4096 + entry * 8)
            }
        }
        let root = ReverseMap.Root(address: PhysicalAddress(0x10_0000), identifier: nil, origins: [.processor])
        let clock = ContinuousClock()
        var found: PageTableWalk?
        let time = try await clock.measure { found = try await Self.walk([root], kernel) }
        let walk = try #require(found)
        #expect(walk.limit != nil)
        #expect(walk.columns.count <= PageTableWalk.maximumRows)
        #expect(time < .seconds(60))
    }

    @Test func survivesTwoThousandRandomBytes() async throws {
        let kernel = try KernelMemory()
        let roots = try Self.spaces(kernel)
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let place = 0x20_0000 + random.next() % 0x8000 / 8 % 40 * 8 + random.next() % 8 * 4096
            let before = try await kernel.memory.bytes(at: PhysicalAddress(place), count: 8)
            try kernel.put(random.oneIn(2) ? random.next() : random.next() & 0xFF_FFFF, at: place)
            let map = ReverseMap(try await Self.walk(roots, kernel))
            #expect(map.count < 200_000)
            _ = map.mappings(of: FrameNumber(random.next() % 4096))
            try kernel.memory.store(before, at: PhysicalAddress(place))
        }
    }

    @Test func rootsAreKnownByTheirUpperHalf() async throws {
        let kernel = try KernelMemory()
        let roots = try Self.spaces(kernel)
        let reference = try await kernel.memory.bytes(at: PhysicalAddress(kernel.root), count: 4096)
        let discovery = try #require(RootDiscovery(memory: kernel.memory, reference: reference))
        // The processor notes that it used an entry; that makes no difference.
        try kernel.put(0x2000 | 3 | 0x20, at: roots[1].address.rawValue + 256 * 8)
        let found = try await discovery.candidates(in: kernel.memory.map.regions)
        #expect(found == [kernel.root] + roots.map(\.address.rawValue))
        #expect(RootDiscovery(memory: kernel.memory, reference: [UInt8](repeating: 0, count: 4096)) == nil)
    }
}
