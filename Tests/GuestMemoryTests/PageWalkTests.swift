import GuestMemory
import Testing

/// The walk as a machine, fed with entries from a list.
@Suite(.timeLimit(.minutes(1)))
struct PageWalkTests {
    static let root: UInt64 = 0x1000

    /// Feeds the entries from the top on, and notes where each was asked for.
    private func walk(
        _ virtual: UInt64, _ entries: [UInt64], levels: Int = 4, hasNoExecute: Bool = true, physicalBits: Int = 52
    ) -> (step: PageWalk.Step, places: [UInt64]) {
        let mode = PagingMode(
            root: PhysicalAddress(Self.root), levels: levels, hasNoExecute: hasNoExecute, physicalBits: physicalBits)
        var walk = PageWalk(VirtualAddress(virtual), mode: mode)
        var places: [UInt64] = []
        for entry in entries {
            guard case .entry(let place) = walk.step else { break }
            places.append(place.rawValue)
            walk.feed(entry)
        }
        return (walk.step, places)
    }

    private func translation(_ step: PageWalk.Step) -> Translation? {
        if case .done(let translation) = step { translation } else { nil }
    }

    @Test func asksForTheEntryOfEachLevel() {
        // Indices 1, 2, 3, 4, 5 from the top, offset 0x678.
        let virtual: UInt64 = 1 << 48 | 2 << 39 | 3 << 30 | 4 << 21 | 5 << 12 | 0x678
        let (step, places) = walk(virtual, [0x2003, 0x3003, 0x4003, 0x5003, 0x9003], levels: 5)
        #expect(places == [0x1008, 0x2010, 0x3018, 0x4020, 0x5028])
        #expect(translation(step)?.physical.rawValue == 0x9678)
        let four = walk(virtual & 0xFFFF_FFFF_FFFF, [0x3003, 0x4003, 0x5003, 0x9003])
        #expect(four.places == [0x1010, 0x3018, 0x4020, 0x5028])
        #expect(translation(four.step)?.physical.rawValue == 0x9678)
        #expect(translation(four.step)?.pageSize == 4096)
    }

    @Test func largePagesKeepTheirOffset() {
        let virtual: UInt64 = 0xFFFF_8000_4023_4567
        let two = translation(walk(virtual, [0x2003, 0x3003, 0x60_0083]).step)
        #expect(two?.physical.rawValue == 0x63_4567)
        #expect(two?.pageSize == 2 << 20)
        #expect(two?.bytesToPageEnd == (2 << 20) - 0x3_4567)
        let one = translation(walk(virtual, [0x2003, 0xC000_0083]).step)
        #expect(one?.physical.rawValue == 0xC023_4567)
        #expect(one?.pageSize == 1 << 30)
        // The attribute bit of a large page lies between its address and its flags.
        #expect(translation(walk(virtual, [0x2003, 0x3003, 0x60_1083]).step)?.physical.rawValue == 0x63_4567)
        // In the last level bit 7 is the attribute bit, not a size.
        #expect(translation(walk(virtual, [0x2003, 0x3003, 0x4003, 0x9083]).step)?.pageSize == 4096)
    }

    /// Every way in which four levels can grant writing, user mode and execution.
    @Test func permissionsAreWhatAllLevelsGrant() {
        for choice in 0..<4096 {
            let entries = (0..<4).map { level -> UInt64 in
                let bits = UInt64(choice >> (level * 3) & 7)
                let address: UInt64 = 0x2000 + UInt64(level) * 0x1000
                return address | 1 | (bits & 3) << 1 | (bits & 4) << 61
            }
            let found = translation(walk(0x1234, entries).step)
            #expect(found?.isWritable == entries.allSatisfy { $0 & 2 != 0 })
            #expect(found?.isUser == entries.allSatisfy { $0 & 4 != 0 })
            #expect(found?.isExecutable == entries.allSatisfy { $0 >> 63 == 0 })
        }
    }

    @Test func onlyTheLastEntryIsGlobal() {
        #expect(translation(walk(0, [0x2103, 0x3103, 0x4103, 0x9003]).step)?.isGlobal == false)
        #expect(translation(walk(0, [0x2003, 0x3003, 0x4003, 0x9103]).step)?.isGlobal == true)
    }

    @Test(arguments: 1...5) func anEntryThatIsNotPresentEndsTheWalk(_ level: Int) {
        var entries: [UInt64] = [0x2003, 0x3003, 0x4003, 0x5003, 0x9003]
        // Whatever else is set in such an entry means nothing to the processor.
        entries[5 - level] = ~1
        #expect(walk(0, entries, levels: 5).step == .fault(.notPresent(level: level)))
    }

    static let broken: [(entries: [UInt64], levels: Int, level: Int, physicalBits: Int)] = [
        // A large page where none can be, in levels 5 and 4.
        ([0x2083], 5, 5, 52), ([0x2003, 0x3083], 5, 4, 52), ([0x2083], 4, 4, 52),
        // Bits between a large page's attribute bit and its address.
        ([0x2003, 0x3003, 0x60_2083], 4, 2, 52), ([0x2003, 0x3003, 0x70_0083], 4, 2, 52),
        ([0x2003, 0x4020_0083], 4, 3, 52), ([0x2003, 0x4000_2083], 4, 3, 52), ([0x2003, 0x6000_0083], 4, 3, 52),
        // Addresses wider than the processor's.
        ([0x2003, 0x3003, 0x4003, 1 << 40 | 3], 4, 1, 40), ([1 << 51 | 0x2003], 4, 4, 51),
        ([0x2003, 0x3003, 1 << 36 | 0x83], 4, 2, 36),
    ]

    @Test(arguments: broken.indices) func reservedBitsAreAFault(_ index: Int) throws {
        let (entries, levels, level, physicalBits) = Self.broken[index]
        let entry = try #require(entries.last)
        let step = walk(0, entries, levels: levels, physicalBits: physicalBits).step
        #expect(step == .fault(.reservedBits(level: level, entry: entry)))
    }

    @Test func bitsThatSoftwareOwnsAreNoFault() {
        // 9 to 11 and 52 to 62 are ignored.
        let spare: UInt64 = 0x7FF0_0000_0000_0E00
        let step = walk(0x345, [0x2003, 0x3003, 0x4003, 0x9003].map { $0 | spare }).step
        #expect(translation(step)?.physical.rawValue == 0x9345)
        let widest = walk(0, [0x2003, 0x3003, 0x4003, 0xF_FFFF_FFFF_F003]).step
        #expect(translation(widest)?.physical.rawValue == 0xF_FFFF_FFFF_F000)
    }

    @Test func withoutNXItsBitIsReserved() {
        let entries: [UInt64] = [0x2003, 0x3003, 1 << 63 | 0x4003, 0x9003]
        #expect(
            walk(0, entries, hasNoExecute: false).step == .fault(.reservedBits(level: 2, entry: 1 << 63 | 0x4003)))
        #expect(translation(walk(0, entries).step)?.isExecutable == false)
    }

    static let edges: [(address: UInt64, inFour: Bool, inFive: Bool)] = [
        (0x0000_7FFF_FFFF_FFFF, true, true), (0x0000_8000_0000_0000, false, true),
        (0xFFFF_7FFF_FFFF_FFFF, false, true), (0xFFFF_8000_0000_0000, true, true), (.max, true, true),
        (0x00FF_FFFF_FFFF_FFFF, false, true), (0x0100_0000_0000_0000, false, false),
        (0xFEFF_FFFF_FFFF_FFFF, false, false), (0xFF00_0000_0000_0000, false, true),
        (0x8000_0000_0000_0000, false, false),
    ]

    @Test func addressesMustBeCanonical() {
        for (address, inFour, inFive) in Self.edges {
            #expect((walk(address, []).step == .fault(.notCanonical)) == !inFour)
            #expect((walk(address, [], levels: 5).step == .fault(.notCanonical)) == !inFive)
        }
    }

    @Test func aFinishedWalkTakesNoMore() {
        var walk = PageWalk(VirtualAddress(0), mode: PagingMode(root: PhysicalAddress(0x1000)))
        walk.feed(0)
        walk.feed(0x2003)
        #expect(walk.step == .fault(.notPresent(level: 4)))
    }

    @Test func registersDecideTheRules() {
        let paging: UInt64 = 1 << 31 | 1
        // The low bits are the PCID, the high ones address tagging and its like.
        let state = ProcessorState(
            cr0: paging, cr3: 0x8000_0000_1234_5FFF | 3 << 61, cr4: 1 << 5 | 1 << 17, efer: 1 << 8 | 1 << 10 | 1 << 11)
        #expect(state.isLongMode)
        #expect(state.paging.root.rawValue == 0x1234_5000)
        #expect(state.paging.levels == 4)
        #expect(state.paging.hasNoExecute)
        let five = ProcessorState(cr0: paging, cr3: 0x1000, cr4: 1 << 12 | 1 << 5, efer: 1 << 8 | 1 << 10)
        #expect(five.paging.levels == 5)
        #expect(!five.paging.hasNoExecute)
        #expect(!ProcessorState(cr0: 1, cr3: 0, cr4: 0, efer: 1 << 8).isLongMode)
        #expect(!ProcessorState(cr0: paging, cr3: 0, cr4: 0, efer: 0).isLongMode)
    }
}
