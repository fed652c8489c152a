import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// A walk meets every block of a healthy list, and says of a broken one where it breaks.
@Suite(.timeLimit(.minutes(1))) struct FreeListWalkTests {
    private static let count = 256

    /// Blocks by order, linked in the order given; the rest of the table is allocated.
    private struct Lists {
        var slots: [[UInt8]] = (0..<FreeListWalkTests.count).map { _ in
            Slot.strat9(flags: Slot.allocated | Slot.kernel, refcount: 1)
        }

        mutating func link(_ blocks: [UInt64], order: Int) {
            for (index, block) in blocks.enumerated() {
                for frame in block..<block + 1 << UInt64(order) {
                    slots[Int(frame)] = Slot.strat9(flags: Slot.free, order: UInt64(order), refcount: Slot.unused)
                }
                Slot.put(index > 0 ? blocks[index - 1] << 12 : Slot.none, 8, 8, &slots[Int(block)])
                Slot.put(index + 1 < blocks.count ? blocks[index + 1] << 12 : Slot.none, 0, 8, &slots[Int(block)])
            }
        }

        func view() async throws -> SlotView {
            let bytes = slots.flatMap { $0 }
            let (memory, runs) = PagedMemory.holding(bytes, pages: (0..<4).map { UInt64($0) })
            let placement = try TablePlacement(
                base: nil, slotCount: UInt64(FreeListWalkTests.count), stride: 64, runs: runs)
            let copy = try TableCopy(runs: placement.runs)
            try await copy.fill(from: memory, ProgressTally(total: placement.byteCount, report: nil))
            return SlotView(
                copy: copy, layout: try FrameLayout(profile: .named("strat9")), placement: placement,
                slots: 0..<placement.slotCount)
        }
    }

    private static func head(_ first: UInt64, order: Int, blocks: UInt64?) -> FreeListHead {
        FreeListHead(
            zone: 0, segment: 0, migrateType: 0, order: order, first: PhysicalAddress(first << 12), blockCount: blocks,
            frames: 0..<UInt64(count), address: VirtualAddress(0))
    }

    private static func healthy() -> Lists {
        var lists = Lists()
        lists.link([40, 8, 200], order: 0)
        lists.link([64, 16, 128, 32], order: 3)
        return lists
    }

    private static func walk(_ lists: Lists, _ blocks: UInt64 = 3) async throws -> FreeListWalk {
        FreeListWalk(
            heads: [head(40, order: 0, blocks: blocks), head(64, order: 3, blocks: 4), head(0, order: 5, blocks: 0)],
            slots: try await lists.view())
    }

    @Test func meetsEveryBlock() async throws {
        let lists = Self.healthy()
        let walk = try await Self.walk(lists)
        #expect(walk.problems.isEmpty)
        let slots = try await lists.view()
        let blocks = walk.lists.map { walk.blocks(of: $0, in: slots).map(\.rawValue) }
        #expect(blocks == [[40, 8, 200], [64, 16, 128, 32], []])
        #expect(walk.listed.setCount == 3 + 4 * 8)
        #expect(walk.listed[71] && !walk.listed[72])
    }

    @Test func damageIsNamed() async throws {
        func problems(_ change: (inout Lists) -> Void) async throws -> Set<FreeListWalk.Problem.Kind> {
            var lists = Self.healthy()
            change(&lists)
            return Set(try await Self.walk(lists).problems.map(\.kind))
        }
        #expect(try await problems { Slot.put(40 << 12, 0, 8, &$0.slots[200]) } == [.cycle])
        #expect(try await problems { Slot.put(64 << 12, 0, 8, &$0.slots[200]) }.isSuperset(of: [.metTwice, .count]))
        #expect(try await problems { Slot.put(40 << 12, 8, 8, &$0.slots[200]) } == [.backLink])
        #expect(try await problems { Slot.put(1 << 40, 0, 8, &$0.slots[200]) } == [.outsideTable])
        #expect(try await problems { Slot.put(0x5008, 0, 8, &$0.slots[200]) } == [.notAFrame])
        #expect(try await problems { Slot.put(Slot.allocated, 24, 4, &$0.slots[8]) } == [.state, .count])
        #expect(try await problems { Slot.put(4, 28, 1, &$0.slots[16]) } == [.order])
        #expect(try await problems { $0.link([64, 20, 128, 32], order: 3) } == [.misaligned])
        #expect(try await problems { $0.link([40, 65, 200], order: 0) }.contains(.overlap))
        #expect(try await Self.walk(Self.healthy(), 5).problems.map(\.kind) == [.count])
    }

    @Test func survivesRandomLinks() async throws {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<60 {
            var lists = Self.healthy()
            for _ in 0..<6 {
                let value = random.oneIn(3) ? random.next() : random.next() % 256 << 12
                Slot.put(
                    value, random.oneIn(2) ? 0 : 8, 8,
                    &lists.slots[[40, 8, 200, 64, 16, 128, 32].randomElement(using: &random) ?? 40])
            }
            let walk = try await Self.walk(lists)
            #expect(walk.blocks.count <= Self.count)
        }
    }

    @Test func bitmapsKeepRanges() {
        var random = SeededGenerator(seed: 6)
        var bitmap = FrameBitmap(count: 1000)
        var model: Set<Int> = []
        for _ in 0..<200 {
            let start = Int(random.next() % 1000)
            let range = start..<start + Int(random.next() % 150)
            let inside = range.clamped(to: 0..<1000)
            #expect(bitmap.insert(range) == inside.contains { model.contains($0) })
            model.formUnion(inside)
        }
        #expect(bitmap.setCount == model.count)
        #expect((-5..<1010).allSatisfy { bitmap[$0] == model.contains($0) })
    }
}
