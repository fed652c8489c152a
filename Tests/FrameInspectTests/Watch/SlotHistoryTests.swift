import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// The record of changed slots gives back every earlier state, and tells a frame's life from it.
@Suite(.timeLimit(.minutes(2))) struct SlotHistoryTests {
    private static let count = 192

    private static func view(_ slots: [[UInt8]]) async throws -> SlotView {
        let (memory, runs) = PagedMemory.holding(slots.flatMap { $0 }, pages: (0..<3).map { UInt64($0) })
        let placement = try TablePlacement(base: nil, slotCount: UInt64(slots.count), stride: 64, runs: runs)
        let copy = try TableCopy(runs: placement.runs)
        try await copy.fill(from: memory, ProgressTally(total: placement.byteCount, report: nil))
        return SlotView(
            copy: copy, layout: try FrameLayout(profile: .named("strat9")), placement: placement,
            slots: 0..<placement.slotCount)
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>) func everyChangeCanBeUndone(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let old = (0..<Self.count).map { _ in (0..<64).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        var new = old
        for _ in 0..<(random.next() % 60) {
            let row = Int(random.next() % UInt64(Self.count))
            for _ in 0...(random.next() % 5) {
                new[row][Int(random.next() % 64)] = UInt8(truncatingIfNeeded: random.next())
            }
        }
        let delta = SlotDelta(from: try await Self.view(old), to: try await Self.view(new), limit: 1 << 20)
        #expect(delta.count == zip(old, new).count { $0 != $1 })
        for row in 0..<Self.count {
            var slot = new[row]
            #expect(delta.undo(row: row, in: &slot) == (old[row] != new[row]))
            #expect(slot == old[row])
        }
    }

    /// A frame's states, one after the other; the rest of the table churns.
    private static func record(
        _ states: [[UInt8]], limit: Int = 1 << 20, churn: Int = 3
    ) async throws -> SlotHistory {
        var history = SlotHistory(limit: limit)
        var random = SeededGenerator(seed: 4)
        var slots = Slot.table(count: count, seed: 9).chunks(of: 64)
        for (index, state) in states.enumerated() {
            slots[7] = state
            for _ in 0..<churn { slots[Int(random.next() % 150) + 20] = Slot.strat9(aux: random.next()) }
            history.add(try await view(slots), at: Double(index), PinWatch.Changes())
        }
        return history
    }

    @Test func tellsALife() async throws {
        let free = Slot.strat9(flags: Slot.free, refcount: Slot.unused, generation: 2)
        let claimed = Slot.strat9(flags: Slot.allocated | Slot.user, refcount: 1, generation: 3)
        let shared = Slot.strat9(flags: Slot.allocated | Slot.user, refcount: 3, generation: 3)
        let hooked = Slot.strat9(
            vtable: 0xFFFF_FFFF_8020_0040, flags: Slot.allocated | Slot.user, refcount: 3, generation: 3)
        let again = Slot.strat9(flags: Slot.allocated | Slot.kernel, refcount: 1, generation: 4)
        let history = try await Self.record([free, free, claimed, shared, hooked, again, free])
        let biography = try #require(history.biography(of: FrameNumber(7)))
        #expect(biography.isComplete)
        #expect(biography.since == 0 && biography.until == 6)
        let events = biography.events
        #expect(
            events.map(\.kind) == [
                .allocated, .claimed, .shared, .hookInstalled, .hookRemoved, .freed, .claimed, .freed,
            ])
        #expect(events.map(\.before) == [2, 2, 3, 4, 5, 5, 5, 6])
        #expect(events.map(\.after) == [1, 1, 2, 3, 4, 4, 4, 5])
        #expect(events[1].text == "claimed for the 3rd time for user space")
        #expect(events[1].generation == 3)
        #expect(events[2].text.contains("from 1 to 3"))
        let quiet = try #require(history.biography(of: FrameNumber(8)))
        #expect(quiet.events.isEmpty)
        #expect(history.biography(of: FrameNumber(UInt64(Self.count))) == nil)
    }

    @Test func pinsBelongToTheirBlock() async throws {
        var history = SlotHistory()
        let slots = Slot.table(count: Self.count, seed: 9).chunks(of: 64)
        let view = try await Self.view(slots)
        history.add(view, at: 0, PinWatch.Changes())
        let pin = PinWatch.Life(
            head: FrameNumber(16), order: 2, generation: 1, pins: 1, isOrphaned: true, firstSeen: 1, lastSeen: 1)
        history.add(view, at: 1, PinWatch.Changes(began: [pin], ended: []))
        history.add(view, at: 2, PinWatch.Changes(began: [], ended: [pin]))
        for frame in 16..<20 as Range<UInt64> {
            #expect(history.biography(of: FrameNumber(frame))?.events.map(\.kind) == [.pinned, .unpinned])
        }
        #expect(history.biography(of: FrameNumber(20))?.events.isEmpty == true)
    }

    @Test func theOldestIsDroppedFirst() async throws {
        let states = (0..<400).map { Slot.strat9(flags: Slot.allocated, refcount: UInt64($0)) }
        let history = try await Self.record(states, limit: 1 << 16, churn: 40)
        #expect(history.byteCount <= 1 << 16)
        let biography = try #require(history.biography(of: FrameNumber(7)))
        #expect(!biography.isComplete)
        #expect(biography.since > 0)
        #expect(biography.looks == history.lookCount)
        // What is kept is right: every look changed the references by one.
        #expect(biography.events.count == biography.looks)
        #expect(biography.events.last?.text.contains("to 399") == true)
    }

    @Test func aTableOfAnotherSizeBeginsAnew() async throws {
        var history = try await Self.record([Slot.strat9(), Slot.strat9(flags: Slot.allocated)])
        let smaller = Slot.table(count: 64, seed: 1).chunks(of: 64)
        history.add(try await Self.view(smaller), at: 9, PinWatch.Changes())
        #expect(history.biography(of: FrameNumber(7))?.events.isEmpty == true)
        #expect(history.biography(of: FrameNumber(7))?.since == 9)
    }
}

extension [UInt8] {
    /// The bytes in pieces.
    fileprivate func chunks(of size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
