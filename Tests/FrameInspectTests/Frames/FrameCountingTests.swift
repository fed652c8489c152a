import GuestMemory
import Testing

@testable import FrameInspect

/// Everything that counts or folds slots, against one slot at a time.
@Suite(.timeLimit(.minutes(2)))
struct FrameCountingTests {
    static let zones = ZoneMap(
        names: ["Low", "High"],
        parts: [
            .init(zone: 1, start: 501, end: 777), .init(zone: 0, start: 3, end: 64), .init(zone: 0, start: 60, end: 70),
        ])

    @Test(arguments: [(UInt64(1), false), (2, false), (3, false), (4, true)], [1, 7, 4096])
    func agreesWithSlotsOneAtATime(_ table: (seed: UInt64, isRandom: Bool), _ batchSize: Int) throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let count = table.isRandom ? SlotKinds.limit + 5000 : 4000
        let bytes = Slot.table(count: count, seed: table.seed, isRandom: table.isRandom)
        let books = FreeFrameSets(
            listHeads: Set((0..<UInt64(count)).filter { $0 % 3 == 0 }),
            cached: Set((0..<UInt64(count)).filter { $0 % 5 == 0 }))

        var states: [FrameState] = []
        var contradictions: [Contradiction: UInt64] = [:]
        var orders: [UInt8: UInt64] = [:]
        var vtables: [UInt64: UInt64] = [:]
        for index in 0..<count {
            let slot = try #require(layout.decode(bytes.slot(index, stride: 64)))
            let frame = FrameNumber(UInt64(index))
            let verdict = layout.verdict(of: slot, frame: frame).resolved(with: books.context(of: UInt64(index)))
            states.append(verdict.state)
            if let contradiction = verdict.contradiction { contradictions[contradiction, default: 0] += 1 }
            if verdict.state != .unmanaged { orders[slot.order, default: 0] += 1 }
            if slot.vtable != 0 { vtables[slot.vtable, default: 0] += 1 }
        }

        var census = FrameCensus(layout: layout, zones: Self.zones, books: books)
        var runs = StateRuns(layout: layout, books: books)
        var blocks = FrameBlocks(layout: layout, books: books)
        var hooks = VtableCensus(layout: layout)
        var foundStates: [FrameState] = []
        var foundBlocks: [FrameBlocks.Block] = []
        func note(_ run: StateRuns.Run) {
            #expect(run.start == UInt64(foundStates.count))
            #expect(foundStates.last != run.state)
            foundStates += repeatElement(run.state, count: Int(run.count))
        }
        bytes.forEachBatch(stride: 64, size: batchSize) { batch in
            census.add(batch)
            runs.add(batch, note)
            blocks.add(batch) { foundBlocks.append($0) }
            hooks.add(batch)
        }
        runs.finish(note)
        blocks.finish { foundBlocks.append($0) }

        #expect(foundStates == states)
        let summary = census.summary
        let expected = Dictionary(grouping: states) { $0 }.mapValues { UInt64($0.count) }
        #expect(Dictionary(uniqueKeysWithValues: summary.states.map { ($0.state, $0.frames) }) == expected)
        #expect(
            Dictionary(uniqueKeysWithValues: summary.contradictions.map { ($0.contradiction, $0.frames) })
                == contradictions)
        #expect(Dictionary(uniqueKeysWithValues: summary.orders.map { ($0.order, $0.frames) }) == orders)
        #expect(summary.frames == UInt64(count))
        #expect(summary.flags.reduce(0) { $0 + $1.frames } == UInt64(count))
        #expect(summary.references.reduce(0) { $0 + $1.frames } == UInt64(count) - (expected[.unmanaged] ?? 0))
        #expect(summary.framesWithVtable == vtables.values.reduce(0, +))
        #expect(summary.flags.contains { $0.flags == nil } == table.isRandom)
        for (row, name) in ["Low", "High", nil].enumerated() {
            let members = states.indices.filter {
                (Self.zones.zone(of: FrameNumber(UInt64($0))) ?? 2) == row
            }
            #expect(summary.zones[row].name == name)
            #expect(summary.zones[row].frames == UInt64(members.count))
            let zoneStates = Dictionary(grouping: members) { states[$0] }.mapValues { UInt64($0.count) }
            #expect(
                Dictionary(uniqueKeysWithValues: summary.zones[row].states.map { ($0.state, $0.frames) }) == zoneStates)
        }
        #expect(hooks.defaultFrames + hooks.otherFrames + hooks.uses.reduce(0) { $0 + $1.frames } == UInt64(count))
        #expect(Dictionary(uniqueKeysWithValues: hooks.uses.map { ($0.pointer, $0.frames) }) == vtables)

        // Blocks are the table without gap; none leaves its natural place or hides a contradiction.
        var next: UInt64 = 0
        for block in foundBlocks {
            #expect(block.start == next)
            next += block.count
            guard block.state != .unmanaged, block.count > 1 else { continue }
            #expect(block.start >> UInt64(block.slot.order) == (next - 1) >> UInt64(block.slot.order))
            if block.state != .inconsistent {
                #expect(!states[Int(block.start)..<Int(next)].contains(.inconsistent))
            }
        }
        #expect(next == UInt64(count))
    }

    @Test func poisonIsNotHiddenInABlock() throws {
        let layout = try FrameLayout(profile: .named("strat9"))
        let page = Slot.strat9(flags: 0x500, order: 2, refcount: 1)
        let poisoned = Slot.strat9(flags: 0x1500, order: 2, refcount: 1, guardBits: 1 << 31)
        var blocks = FrameBlocks(layout: layout)
        var found: [FrameBlocks.Block] = []
        (page + poisoned + page + page + page + page + page + page).forEachBatch(stride: 64, size: 8) { batch in
            blocks.add(batch) { found.append($0) }
        }
        blocks.finish { found.append($0) }
        #expect(found.map(\.state) == [.claimedKernel, .poisoned, .blockPage, .claimedKernel])
        #expect(found.map(\.count) == [1, 1, 2, 4])
    }
}
