import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

@Suite(.timeLimit(.minutes(1)))
struct FrameTableReaderTests {
    /// A reader of slots of 96 bytes, whose pages lie in no order at all.
    private func reader(pieces: [Int]) throws -> (FrameTableReader, [UInt8]) {
        var random = SeededGenerator(seed: 3)
        let table = (0..<96 * 200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var (memory, runs) = PagedMemory.holding(table, pages: [9, 2, 3, 7, 1])
        memory.pieces = pieces
        let placement = try TablePlacement(base: VirtualAddress(1 << 40), slotCount: 200, stride: 96, runs: runs)
        let layout = try FrameLayout(profile: .named("strat9"), stride: 96)
        return (FrameTableReader(layout: layout, placement: placement, memory: memory), table)
    }

    @Test(arguments: [[1], [7], [95, 1, 97], [4096], [64, 3, 200]], [0..<200, 42..<43, 41..<130, 199..<200])
    func slotsSurviveEveryCut(_ pieces: [Int], _ slots: Range<Int>) async throws {
        let (reader, table) = try reader(pieces: pieces)
        var bytes: [UInt8] = []
        var index = UInt64(slots.lowerBound)
        try await reader.forEachBatch(in: index..<UInt64(slots.upperBound)) { (batch) throws(MemoryError) in
            #expect(batch.firstIndex == index)
            index += UInt64(batch.count)
            bytes += UnsafeRawBufferPointer(start: batch.base, count: batch.count * 96)
            return true
        }
        #expect(bytes == Array(table[slots.lowerBound * 96..<slots.upperBound * 96]))
    }

    @Test func endsEarly() async throws {
        let (reader, _) = try reader(pieces: [100])
        var calls = 0
        try await reader.forEachBatch(in: reader.allSlots) { (_) throws(MemoryError) in
            calls += 1
            return calls < 3
        }
        #expect(calls == 3)
    }

    @Test(arguments: [199, 200, UInt64.max - 1, .max]) func slotsBehindTheEndAreRefused(_ index: UInt64) async throws {
        let (reader, table) = try reader(pieces: [4096])
        if index < 200 {
            #expect(try await reader.bytes(ofSlot: index) == table.slot(Int(index), stride: 96))
        } else {
            let error = await #expect(throws: MemoryError.self) { try await reader.bytes(ofSlot: index) }
            #expect(error?.code == .notRAM)
        }
    }

    @Test func sourcesThatFailOrEndShortAreErrors() async throws {
        let (good, _) = try reader(pieces: [100])
        var broken = try #require(good.memory as? PagedMemory)
        broken.failure = PhysicalAddress(7 << 12)
        var short = try #require(good.memory as? PagedMemory)
        short.isShort = true
        for (memory, code) in [(broken, MemoryError.Code.guestGone), (short, .malformed)] {
            let reader = FrameTableReader(layout: good.layout, placement: good.placement, memory: memory)
            let error = await #expect(throws: MemoryError.self) {
                try await reader.forEachBatch(in: reader.allSlots) { (_) throws(MemoryError) in true }
            }
            #expect(error?.code == code)
        }
    }

    @Test func anotherStrideIsRefused() async throws {
        let (good, _) = try reader(pieces: [100])
        let layout = try FrameLayout(profile: .named("strat9"), stride: 128)
        let reader = FrameTableReader(layout: layout, placement: good.placement, memory: good.memory)
        let error = await #expect(throws: MemoryError.self) { try await reader.bytes(ofSlot: 0) }
        #expect(error?.code == .malformed)
    }
}
