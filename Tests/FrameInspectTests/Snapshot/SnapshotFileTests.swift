import Foundation
import GuestMemory
import GuestTesting
import SystemPackage
import Testing

@testable import FrameInspect

/// What was put into a snapshot comes out of it, and a file that was damaged is an error.
@Suite(.timeLimit(.minutes(3))) struct SnapshotFileTests {
    /// A machine of random slots, owners and mappings.
    private static func machine(seed: UInt64, frames: Int, isRandom: Bool = false) throws -> SnapshotBuilder {
        var random = SeededGenerator(seed: seed)
        var machine = try SnapshotBuilder()
        let table = Slot.table(count: frames, seed: seed, isRandom: isRandom)
        machine.slots = (0..<frames).map { table.slot($0, stride: 64) }
        var frame: UInt64 = 0
        var capability: UInt64 = 1
        while frame < UInt64(frames) {
            let capabilities = (0..<random.next() % 7).map { _ in random.next() % 1000 }
            machine.own(
                frame, order: Int(random.next() % 3), pins: random.oneIn(3) ? random.next() % 4 : 0,
                capabilities: capabilities, state: random.next() % 4)
            machine.map(capability, (0..<random.next() % 6).map { _ in random.next() })
            capability += 1 + random.next() % 3
            frame += 4 + random.next() % 5
        }
        return machine
    }

    private static func check(_ snapshot: KernelSnapshot, _ machine: SnapshotBuilder) throws {
        let layout = try FrameLayout(profile: machine.profile)
        #expect(snapshot.kernel.layout == layout)
        #expect(snapshot.kernel.buildID == machine.buildID)
        #expect(snapshot.kernel.profile == machine.profile)
        #expect(snapshot.kernel.slotCount == UInt64(machine.slots.count))
        #expect(snapshot.provenance.pauseSeconds == 0.25 && snapshot.provenance.time == machine.time)
        var next = layout.frame(at: 0).rawValue
        var runs = 0
        var faults = 0
        try snapshot.forEachRun { frame, count, slot in
            if frame.rawValue != next { faults += 1 }
            for offset in 0..<count {
                let index = Int(frame.rawValue - layout.indexBase + offset)
                if layout.decode(machine.slots[index]) != slot { faults += 1 }
            }
            next += count
            runs += 1
        }
        #expect(faults == 0)
        #expect(next - layout.indexBase == UInt64(machine.slots.count))
        #expect(try snapshot.ownership() == machine.ownership)
        #expect(try snapshot.mappingIndex() == machine.index)
        let contents = try snapshot.contents()
        #expect(contents.runs == UInt64(runs))
        #expect(contents.owners == machine.owners.count)
        #expect(contents.pinnedBlocks == machine.owners.count { $0.transientRefs > 0 })
        #expect(contents.capabilities == machine.mappings.count)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6]) func givesBackWhatWasPutIn(_ seed: UInt64) async throws {
        let machine = try Self.machine(seed: seed, frames: 300 + Int(seed) * 77, isRandom: seed > 4)
        let snapshot = try await machine.snapshot()
        try Self.check(snapshot, machine)
        let again = try KernelSnapshot(parsing: snapshot.bytes)
        #expect(again.bytes == snapshot.bytes)
        try Self.check(again, machine)
        #expect(try SnapshotDiff(from: snapshot, to: again).totals.filter { $0.kind < .pinnedSince } != [])
    }

    @Test func slotsOfManyPartsAndOfOtherKernelsAreKept() async throws {
        var machine = try SnapshotBuilder(frames: 150_000)
        machine.slots[65_535] = Slot.strat9(flags: Slot.free, refcount: Slot.unused)
        machine.slots[65_536] = Slot.strat9(flags: Slot.free, refcount: Slot.unused)
        machine.slots[149_999] = Slot.strat9(next: 0x5000, flags: Slot.free, refcount: Slot.unused)
        let snapshot = try await machine.snapshot()
        try Self.check(snapshot, machine)
        // A run ends with its part, and how many parts there are depends on the machine.
        #expect((4...7).contains(try snapshot.contents().runs))
        #expect(snapshot.bytes.count < 20_000, "equal neighbours cost nothing: \(snapshot.bytes.count)")

        for kernel in [try SyntheticKernel.dense(), try SyntheticKernel.wide()] {
            var other = try SnapshotBuilder()
            other.profile = kernel.profile
            other.stride = kernel.stride
            other.slots = try kernel.machine(slots: 700, seed: 9).slots
            try Self.check(try await other.snapshot(), other)
        }
    }

    @Test func whatCouldNotBeReadKeepsItsReason() async throws {
        var machine = try SnapshotBuilder()
        machine.own(3)
        for status: ReadingStatus in [
            .midChange("locked"), .damaged("a loop", elementsRead: 5), .notInitialised("zero"), .notKnown("no image"),
        ] {
            machine.ownerStatus = status
            machine.mappingStatus = status
            let again = try KernelSnapshot(parsing: try await machine.snapshot().bytes)
            #expect(try again.ownership() == machine.ownership)
            #expect(try again.mappingIndex() == machine.index)
            #expect(try again.contents().gaps.count == 2)
        }
        // Entries out of order end the table there.
        machine.ownerStatus = .complete
        machine.own(2)
        let read = try await machine.snapshot().ownership()
        #expect(read.value?.count == 1)
        #expect(read.status == .damaged("its entries are not in order", elementsRead: 1))
    }

    // MARK: Damage

    /// Reads all of a file, and compares it with another one in both directions.
    private static func use(_ bytes: [UInt8], _ other: KernelSnapshot) -> SnapshotError? {
        do throws(SnapshotError) {
            let snapshot = try KernelSnapshot(parsing: bytes)
            _ = try snapshot.contents()
            _ = try SnapshotDiff(from: snapshot, to: other)
            _ = try SnapshotDiff(from: other, to: snapshot)
            return nil
        } catch {
            return error
        }
    }

    @Test func aFileCutShortIsDamaged() async throws {
        let snapshot = try await Self.machine(seed: 11, frames: 40).snapshot()
        let bytes = snapshot.bytes
        var lengths = Set(
            snapshot.container.parts.flatMap { part in
                [-24, -23, -9, -1, 0, 1].map { part.range.lowerBound + $0 } + [part.range.upperBound - 1]
            })
        lengths.formUnion([0, 1, 7, 8, 12, 16, 31, 32, 33])
        for length in lengths where length < bytes.count {
            #expect(Self.use(Array(bytes[..<length]), snapshot)?.code == .damaged, "cut to \(length)")
        }
        #expect(Self.use(bytes + [0], snapshot)?.code == .damaged)
        #expect(Self.use(bytes, snapshot) == nil)
    }

    @Test func aChangedByteIsDamage() async throws {
        let snapshot = try await Self.machine(seed: 12, frames: 40).snapshot()
        var random = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            var bytes = snapshot.bytes
            let place = Int(random.next() % UInt64(bytes.count))
            bytes[place] ^= UInt8(truncatingIfNeeded: 1 + random.next() % 255)
            let error = Self.use(bytes, snapshot)
            #expect(error?.code == .damaged, "byte \(place)")
        }
    }

    /// Checksums are no protection against malice: content that was changed and sealed again must do no harm.
    @Test func sealedNonsenseIsAnErrorOrAResult() async throws {
        let snapshot = try await Self.machine(seed: 13, frames: 60).snapshot()
        let parts = snapshot.container.parts.map { (tag: $0.tag, bytes: Array(snapshot.bytes[$0.range])) }
        var random = SeededGenerator(seed: 6)
        var refused = 0
        for _ in 0..<2000 {
            var changed = parts
            // The profile is most of the file; the others are wanted more often.
            let part = random.oneIn(20) ? 0 : 1 + Int(random.next() % UInt64(parts.count - 1))
            for _ in 0..<(1 + random.next() % 3) {
                guard !changed[part].bytes.isEmpty else { continue }
                let place = Int(random.next() % UInt64(changed[part].bytes.count))
                switch random.next() % 4 {
                case 0: changed[part].bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: changed[part].bytes[place] = 0xFF
                case 2: changed[part].bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], at: place)
                default: changed[part].bytes.removeSubrange(place...)
                }
            }
            let file = try SnapshotContainer(changed).bytes
            if Self.use(file, snapshot) != nil { refused += 1 }
        }
        #expect(refused > 1000)
        // Parts that are missing, twice, or in another order.
        for index in parts.indices.prefix(4) {
            var changed = parts
            changed.remove(at: index)
            #expect(Self.use(try SnapshotContainer(changed).bytes, snapshot)?.code == .damaged)
            changed.insert(parts[index], at: 0)
            changed.insert(parts[index], at: 0)
            #expect(Self.use(try SnapshotContainer(changed).bytes, snapshot)?.code == .damaged)
        }
    }

    @Test func anotherFormAndOtherFilesAreNamed() async throws {
        let snapshot = try await SnapshotBuilder().snapshot()
        var bytes = snapshot.bytes
        bytes[8] = 2
        var writer = ByteWriter()
        writer.put(fixed: StableHash.value(of: bytes[..<24]))
        bytes.replaceSubrange(24..<32, with: writer.bytes)
        #expect(Self.use(bytes, snapshot)?.code == .unknownVersion)
        #expect(Self.use(Array("{\"schema\":\"inspectd/baseline/1\"}".utf8), snapshot)?.code == .damaged)

        let directory = try TemporaryDirectory(prefix: "snapshot")
        func error(_ path: String) -> SnapshotError? {
            do throws(SnapshotError) {
                _ = try KernelSnapshot(contentsOf: FilePath(path))
                return nil
            } catch { return error }
        }
        let path = directory.file("now.fi")
        #expect(error(path)?.code == .unreadable)
        #expect(error("/dev/zero")?.code == .unreadable)
        #expect(error(directory.path)?.code == .unreadable)
        try Data(snapshot.bytes).write(to: URL(fileURLWithPath: path))
        #expect(error(path) == nil)
        try Data(snapshot.bytes.dropLast()).write(to: URL(fileURLWithPath: path))
        #expect(error(path)?.code == .damaged && error(path)?.message.hasPrefix(path) == true)
    }
}
