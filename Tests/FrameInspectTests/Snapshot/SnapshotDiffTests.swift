import GuestMemory
import GuestTesting
import Testing

@testable import FrameInspect

/// What changed is told by what the slots and the owners say, and by the generation that they say it in.
@Suite(.timeLimit(.minutes(2))) struct SnapshotDiffTests {
    /// The changes from one machine to what `change` makes of it, as `kind first frame+count`.
    private static func changes(
        _ machine: SnapshotBuilder, limit: Int = 20, _ change: (inout SnapshotBuilder) throws -> Void
    ) async throws -> (changes: [String], diff: SnapshotDiff) {
        var later = machine
        later.time += 10
        try change(&later)
        let diff = try SnapshotDiff(from: try await machine.snapshot(), to: try await later.snapshot(), limit: limit)
        let texts = diff.changes.map { change in
            let place =
                change.frames.map { "\($0.first.rawValue)+\($0.count)" } ?? "capability \(change.capability ?? 0)"
            return "\(change.kind.rawValue) \(place)\(change.isUniform ? "" : " varied")"
        }
        return (texts, diff)
    }

    private static func slot(
        _ flags: UInt64 = Slot.allocated | Slot.kernel, references: UInt64 = 1, generation: UInt64 = 3,
        vtable: UInt64 = 0, order: UInt64 = 0, guardBits: UInt64 = 0, next: UInt64 = Slot.none
    ) -> [UInt8] {
        Slot.strat9(
            next: next, vtable: vtable, flags: flags, order: order, refcount: references, generation: generation,
            guardBits: guardBits)
    }

    private static func free(generation: UInt64 = 3, order: UInt64 = 0, next: UInt64 = Slot.none) -> [UInt8] {
        slot(Slot.free, references: Slot.unused, generation: generation, order: order, next: next)
    }

    // MARK: Frames

    @Test func framesAreFoldedByWhatHappenedToThem() async throws {
        var machine = try SnapshotBuilder()
        for frame in 20..<30 { machine.slots[frame] = Self.free() }
        let (changes, diff) = try await Self.changes(machine) { later in
            for frame in 1...3 { later.slots[frame] = Self.free() }
            for frame in 5...6 { later.slots[frame] = Self.slot(generation: 4) }
            later.slots[7] = Self.slot(generation: 9)
            later.slots[9] = Self.slot(references: 2)
            later.slots[10] = Self.slot(references: 2)
            later.slots[11] = Self.slot(references: 3)
            later.slots[13] = Self.slot(Slot.allocated | Slot.user)
            later.slots[14] = Self.slot(guardBits: Slot.guardPoisoned)
            later.slots[15] = Self.slot(order: 2)
            later.slots[16] = Self.slot(vtable: 0xFFFF_FFFF_8000_0040)
            later.slots[20] = Self.slot(generation: 4)
            later.slots[21] = Self.slot(generation: 4)
            later.slots[23] = Self.free(generation: 5)
            // A free block that splits or moves in its list is no news.
            later.slots[25] = Self.free(order: 1, next: 0x9000)
        }
        #expect(
            changes == [
                "reused 5+3 varied", "passed 23+1", "allocated-since 20+2", "freed-since 1+3",
                "references-changed 9+2", "references-changed 11+1", "state-changed 13+1", "state-changed 14+1",
                "state-changed 15+1", "vtable-changed 16+1",
            ])
        #expect(diff.notes == [])
        #expect(diff.comparedSlots == 64)
        #expect(diff.total(.reused).frames == 3 && diff.total(.reused).changes == 1)
        let texts = Dictionary(grouping: diff.changes, by: \.kind).compactMapValues(\.first)
        #expect(texts[.reused]?.before == "kernel, 1 reference, generation 3")
        #expect(texts[.reused]?.after == "kernel, 1 reference, generation 4")
        #expect(texts[.vtableChanged]?.before == "default")
        #expect(texts[.vtableChanged]?.after == "0xffffffff80000040")
        #expect(texts[.referencesChanged]?.after == "2 references")
        #expect(texts[.stateChanged]?.after == "ALLOCATED|USER")
    }

    @Test func whatStaysIsNoChange() async throws {
        var machine = try SnapshotBuilder()
        machine.own(4, capabilities: [1, 2])
        machine.map(1, [0x1000])
        let (changes, diff) = try await Self.changes(machine) { _ in }
        #expect(changes.isEmpty && diff.totals.isEmpty && diff.notes.isEmpty)
    }

    @Test func allAreCountedAndTheFirstOnesKept() async throws {
        let machine = try SnapshotBuilder()
        for limit in [0, 3] {
            let (changes, diff) = try await Self.changes(machine, limit: limit) { later in
                for frame in stride(from: 0, to: 64, by: 2) { later.slots[frame] = Self.free() }
            }
            #expect(changes == ["freed-since 0+1", "freed-since 2+1", "freed-since 4+1"].prefix(limit).map { $0 })
            #expect(diff.total(.freedSince).changes == 32 && diff.total(.freedSince).frames == 32)
        }
    }

    // MARK: Blocks

    @Test func aPinIsTheSameOnlyInTheSameLife() async throws {
        var machine = try SnapshotBuilder()
        machine.own(0, pins: 1, capabilities: [1])
        machine.own(4, order: 2, pins: 1, capabilities: [2])
        machine.own(8, pins: 1)
        machine.own(9, pins: 1)
        machine.own(10, pins: 1, capabilities: [3])
        machine.own(11, capabilities: [4])
        machine.own(12, pins: 1, capabilities: [5])
        let (changes, _) = try await Self.changes(machine) { later in
            later.slots[4] = Self.slot(generation: 4)
            later.slots[9] = Self.slot(generation: 7)
            later.owners = []
            later.own(0, pins: 1, capabilities: [1])
            later.own(4, order: 2, pins: 1, capabilities: [2])
            later.own(8, pins: 1)
            later.own(9, pins: 1)
            later.own(10, pins: 1)
            later.own(11, pins: 1, capabilities: [4])
            later.own(12, capabilities: [5])
            later.own(20, pins: 2)
        }
        #expect(
            changes == [
                "leaked-since 9+1", "leaked-since 10+1", "leaked-since 20+1", "still-leaked 8+1", "same-pin 0+1",
                "same-pin 10+1", "pinned-since 4+4", "pinned-since 9+1", "pinned-since 11+1", "pinned-since 20+1",
                "unpinned 4+4", "unpinned 9+1", "unpinned 12+1", "capabilities-lost 10+1", "owned-since 20+1",
                "owner-references-changed 10+1", "owner-references-changed 11+1", "owner-references-changed 12+1",
                "reused 4+1", "reused 9+1",
            ])
    }

    @Test func ownersAndCapabilitiesComeAndGo() async throws {
        var machine = try SnapshotBuilder()
        machine.own(1, capabilities: [1, 2])
        machine.own(2, capabilities: [3])
        machine.own(5, pins: 1, capabilities: [4])
        machine.own(7, capabilities: [9])
        machine.map(1, [0x1000, 0x2000])
        machine.map(2, [0x3000])
        let (changes, diff) = try await Self.changes(machine) { later in
            later.slots[7] = Self.slot(generation: 4)
            later.owners = []
            later.own(1, capabilities: [2, 8], state: 2)
            later.own(2, order: 1, capabilities: [3])
            later.own(7, capabilities: [10, 11])
            later.mappings = []
            later.map(1, [0x1000, 0x5000])
            later.map(3, [0x4000])
        }
        #expect(
            changes == [
                "unpinned 5+1", "capabilities-gained 1+1", "capabilities-lost 1+1", "owned-since 2+2", "disowned 2+1",
                "disowned 5+1", "owner-state-changed 1+1", "reused 7+1", "mapped-since capability 1",
                "mapped-since capability 3", "unmapped capability 1", "unmapped capability 2",
            ])
        #expect(diff.changes.first { $0.kind == .capabilitiesGained }?.after.hasSuffix(": capability 8 gained") == true)
        #expect(diff.changes.first { $0.kind == .ownerStateChanged }?.after == "shared")
        #expect(diff.total(.unmapped).frames == 0 && diff.total(.unmapped).changes == 2)
    }

    // MARK: What cannot be told

    @Test func withoutGenerationsItSaysWhatCannotBeTold() async throws {
        var machine = try SnapshotBuilder()
        machine.profile.slot.fields.generation = nil
        machine.own(0, pins: 1, capabilities: [1])
        machine.own(1, pins: 1)
        machine.own(2)
        let (changes, diff) = try await Self.changes(machine) { later in
            later.slots[0] = Self.slot(generation: 4)
            later.owners.removeLast()
            later.own(2, pins: 1)
        }
        #expect(
            changes == [
                "leaked-since 2+1", "pinned-in-both 0+1", "pinned-in-both 1+1", "pinned-since 2+1",
                "owner-references-changed 2+1",
            ])
        #expect(diff.notes.contains { $0.contains("does not count claims") && $0.contains("same-pin") })
    }

    @Test func whatWasNotReadIsNotCompared() async throws {
        var machine = try SnapshotBuilder()
        machine.own(1, pins: 1)
        let (unknown, diff) = try await Self.changes(machine) { later in
            later.ownerStatus = .notKnown("no image")
            later.mappingStatus = .damaged("a loop", elementsRead: 0)
            later.owners = []
        }
        #expect(unknown.isEmpty)
        #expect(diff.notes.contains { $0.contains("not compared") && $0.contains("second") && $0.contains("no image") })
        #expect(diff.notes.contains { $0.contains("mappings were not compared") && $0.contains("a loop") })
        let (locked, half) = try await Self.changes(machine) { later in
            later.ownerStatus = .midChange("the lock is held")
            later.owners = []
        }
        #expect(locked == ["unpinned 1+1", "disowned 1+1"])
        #expect(half.notes.contains { $0.contains("half changed") })
    }

    @Test func aTableOfAnotherSizeIsComparedAsFarAsBothGo() async throws {
        let machine = try SnapshotBuilder()
        let (grown, diff) = try await Self.changes(machine) { later in
            later.slots[63] = Self.free()
            later.slots += [Self.free(), Self.free()]
        }
        #expect(grown == ["freed-since 63+1"])
        #expect(diff.comparedSlots == 64)
        #expect(
            diff.notes == ["the frame table grew from 64 to 66 slots: frames 0x40000..0x42000 are new and not compared"]
        )
        let (shrunk, less) = try await Self.changes(machine) { $0.slots.removeLast(4) }
        #expect(shrunk.isEmpty && less.notes.contains { $0.contains("shrank from 64 to 60") })
    }

    @Test func aRestartAndAMixUpAreNoticed() async throws {
        let machine = try SnapshotBuilder()
        let (changes, diff) = try await Self.changes(machine) { later in
            later.slots[3] = Self.slot(generation: 1)
            later.time -= 100
            later.buildID = nil
        }
        #expect(changes == ["reused 3+1"])
        #expect(diff.notes.contains { $0.contains("1 frames were claimed fewer times") })
        #expect(diff.notes.contains { $0.contains("the first snapshot is the later one") })
        #expect(diff.notes.contains { $0.contains("build id") })
        // A counter that wraps is no restart.
        let (_, wrapped) = try await Self.changes(try SnapshotBuilder(generation: 0xFFFF_FFFF)) { later in
            later.slots[3] = Self.slot(generation: 0)
        }
        #expect(wrapped.notes == [])
    }

    @Test func othersAreRefusedAndBothShown() async throws {
        func refusal(_ change: (inout SnapshotBuilder) throws -> Void) async throws -> SnapshotError? {
            let machine = try SnapshotBuilder()
            var other = machine
            try change(&other)
            let (one, two) = (try await machine.snapshot(), try await other.snapshot())
            do throws(SnapshotError) {
                _ = try SnapshotDiff(from: one, to: two)
                return nil
            } catch { return error }
        }
        let kernel = try await refusal { $0.buildID = "cd34" }
        #expect(kernel?.code == .otherKernel)
        #expect(kernel?.message.contains("ab12") == true && kernel?.message.contains("cd34") == true)
        let profile = try await refusal { $0.profile.name = "other" }
        #expect(profile?.code == .otherProfile)
        #expect(profile?.message.contains("strat9") == true && profile?.message.contains("other") == true)
        let layout = try await refusal { $0.profile.slot.fields.generation?.offset = 48 }
        #expect(layout?.code == .otherLayout)
        #expect(layout?.message.contains("generation at 36+4") == true)
        #expect(layout?.message.contains("generation at 48+4") == true)
        #expect(try await refusal { $0.profile.description = "Changed." }?.code == .otherProfile)
        #expect(try await refusal { _ in } == nil)
    }
}
