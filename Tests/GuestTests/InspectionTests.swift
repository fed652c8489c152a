import FrameInspect
import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import SystemPackage
import Testing

/// What is read from outside is what the kernel says from inside: on every build, over every rung, and without a trace.
@Suite(.serialized) struct InspectionTests {
    private static func target(
        _ guest: TestGuest, memory: MemoryChoice = .auto, qmp: Bool = true, gdb: Bool = false
    ) throws -> TargetSpecification {
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        if qmp { target.qmp = try QMPAddress(guest.qmpSocket) }
        if gdb { target.gdb = try GDBAddress(try #require(guest.gdbSocket)) }
        target.kernel = FilePath(guest.kernel)
        target.memory = memory
        return target
    }

    private static func snapshot(_ target: TargetSpecification) async throws -> FrameTable {
        try await Inspector.withInspector(attachedTo: target) { try await $0.snapshot() }
    }

    private static func failure(_ target: TargetSpecification) async -> InspectorError? {
        do {
            _ = try await snapshot(target)
            return nil
        } catch {
            return error as? InspectorError
        }
    }

    /// The first slot of which a field differs, in words; nil for equal tables.
    private static func difference(_ table: FrameTable, _ truth: GuestTruth) -> String? {
        guard table.count == truth.count else { return "\(table.count) slots, the kernel says \(truth.count)" }
        for index in 0..<table.count {
            let isEqual =
                table.next[index] == truth.next[index] && table.prev[index] == truth.prev[index]
                && table.vtable[index] == truth.vtable[index] && table.flags[index] == UInt64(truth.flags[index])
                && table.order[index] == UInt64(truth.order[index])
                && table.refcount[index] == UInt64(truth.refcount[index])
                && table.generation[index] == UInt64(truth.generation[index])
                && table.guardBits[index] == UInt64(truth.guardBits[index])
                && table.aux[index] == UInt64(truth.metaAux[index])
            if !isEqual {
                return "slot \(index): read \(table.slot(at: index)), the kernel says \(truth.bytes(of: index))"
            }
        }
        return nil
    }

    @Test(.timeLimit(.minutes(10)), arguments: GuestVariant.allCases)
    func everyFieldOfEverySlotEqualsTheTruth(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 64, cpus: 2)) { guest in
            let target = try Self.target(guest)
            for seed in 1...20 as ClosedRange<UInt64> {
                try await guest.churnAndFreeze(seed: seed &* 7919, operations: 400)
                let table = try await Self.snapshot(target)
                #expect(Self.difference(table, try await guest.truth()) == nil, "seed \(seed)")
                let inconsistent = (0..<table.count).filter { table.state(at: $0) == .inconsistent }
                #expect(inconsistent.isEmpty, "a healthy kernel's slots do not contradict themselves")
                try await guest.command("thaw")
            }
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [TestGuest.Configuration.Backend.sharedMemfd, .sharedFile, .none])
    func everyRungGivesTheSameTable(_ backend: TestGuest.Configuration.Backend) async throws {
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2, backend: backend, gdb: true)) { guest in
            try await guest.churnAndFreeze(seed: 99, operations: 3000)
            let truth = try await guest.truth()
            for kind in MemoryChoice.rungs {
                let target = try Self.target(guest, memory: .only(kind), gdb: true)
                if kind == .mapped, backend == .none {
                    #expect(await Self.failure(target) != nil)
                    continue
                }
                let table = try await Self.snapshot(target)
                #expect(table.provenance.rung == kind)
                #expect(table.provenance.consistent)
                #expect(Self.difference(table, truth) == nil, "over \(kind)")
            }
            // Everything works with the stub alone too.
            let alone = try await Self.snapshot(try Self.target(guest, memory: .only(.gdbstub), qmp: false, gdb: true))
            #expect(Self.difference(alone, truth) == nil)
            #expect(try await Self.runState(guest).running)
        }
    }

    @Test(.timeLimit(.minutes(5)), arguments: [GuestVariant.debug, .release, .thinLTO])
    func theAllocatorsBooksTellFreeFramesApart(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 128, cpus: 2)) { guest in
            try await guest.churnAndFreeze(seed: 11, operations: 3000)
            let caches = try await guest.command("caches")["caches"].list
            let cached = Set(caches.flatMap { $0["frames"].list.compactMap(\.number) })
            let target = try Self.target(guest)
            let (table, summary) = try await Inspector.withInspector(attachedTo: target) { inspector in
                (try await inspector.snapshot(), try await inspector.summary().summary)
            }
            func addresses(_ state: FrameState) -> Set<UInt64> {
                Set((0..<table.count).filter { table.state(at: $0) == state }.map { UInt64($0) << 12 })
            }
            #expect(!cached.isEmpty)
            #expect(addresses(.freeCached) == cached)
            #expect(addresses(.freeUnlinked).isEmpty, "a list's only block and a cached frame are both known")
            #expect(summary.states.first { $0.state == .freeCached }?.frames == UInt64(cached.count))
            let zones = try await guest.command("zones")["zones"].list
            for (index, name) in ["DMA", "Normal", "HighMem"].enumerated() {
                let segments = zones.first { $0["type"].number == UInt64(index) }?["segments"].list ?? []
                let pages = segments.compactMap { $0["page_count"].number }.reduce(0, +)
                #expect(summary.zones.first { $0.name == name }?.frames ?? 0 == pages, "zone \(name)")
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func aCoreFileGivesTheSameTable() async throws {
        let directory = try TemporaryDirectory(prefix: "core")
        try await TestGuest.with(.init(.release, megabytes: 128)) { guest in
            try await guest.churnAndFreeze(seed: 5, operations: 3000)
            let truth = try await guest.truth()
            let path = directory.file("guest.core")
            try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                _ = try await qmp.execute(DumpGuestMemory(to: "file:" + path), timeout: .seconds(60))
            }
            var target = try Self.target(guest, qmp: false)
            target.core = FilePath(path)
            let table = try await Self.snapshot(target)
            #expect(table.provenance.rung == .core)
            #expect(Self.difference(table, truth) == nil)
        }
    }

    private static func runState(_ guest: TestGuest) async throws -> RunStatus {
        try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
            try await qmp.execute(QueryStatus())
        }
    }

    struct Failure: Error {}

    @Test(.timeLimit(.minutes(5)), arguments: [true, false])
    func theRunStateIsAfterwardsWhatItWasBefore(_ runs: Bool) async throws {
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd, gdb: true)) { guest in
            if !runs {
                try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                    _ = try await qmp.execute(StopGuest())
                }
            }
            for kind in MemoryChoice.rungs {
                let target = try Self.target(guest, memory: .only(kind), gdb: kind == .gdbstub)
                _ = try await Self.snapshot(target)
                #expect(try await Self.runState(guest).running == runs, "after \(kind)")
                await #expect(throws: Failure.self) {
                    try await Inspector.withInspector(attachedTo: target) { _ in throw Failure() }
                }
                #expect(try await Self.runState(guest).running == runs, "after an error over \(kind)")
                let task = Task { try await Self.snapshot(target) }
                try await Task.sleep(for: .milliseconds(3))
                task.cancel()
                _ = try? await task.value
                #expect(try await Self.runState(guest).running == runs, "after a cancelled read over \(kind)")
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func aLiveReadLeavesTheGuestAlone() async throws {
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("churn start")
            var target = try Self.target(guest)
            target.consistency = .live
            try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                // The only QMP socket is taken: nobody can attach, and the sentence says so.
                _ = qmp
                var impatient = target
                impatient.timeout = .milliseconds(300)
                let error = await Self.failure(impatient)
                #expect(error?.code.description == "unreachable")
            }
            // On a busy host a guest may get no turn between two reads.
            var moved = 0
            for _ in 0..<50 where moved == 0 {
                let table = try await Self.snapshot(target)
                #expect(!table.provenance.consistent)
                moved = table.moved.count
            }
            #expect(moved > 0, "a churning guest moves between two reads")
            try await guest.command("churn stop")
        }
    }

    @Test(.timeLimit(.minutes(2))) func anotherKernelsImageIsRefused() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64)) { guest in
            var target = try Self.target(guest)
            target.kernel = FilePath(try await GuestBuild.shared.kernel(.debug))
            let error = await Self.failure(target)
            #expect(error?.code.description == "imageMismatch")
            #expect(try await Self.runState(guest).running)
        }
    }

    @Test(.timeLimit(.minutes(2))) func pageWalksAgreeWithQEMU() async throws {
        try await TestGuest.with(.init(.release, megabytes: 128, backend: .sharedMemfd)) { guest in
            try await guest.churnAndFreeze(seed: 3, operations: 2000)
            let target = try Self.target(guest)
            var generator = SystemRandomNumberGenerator()
            var addresses: [UInt64] = []
            for base: UInt64 in [0xFFFF_8000_0000_0000, 0xFFFF_FFFF_8000_0000, 0x20_0000, 0] {
                for _ in 0..<250 { addresses.append(base &+ UInt64.random(in: 0..<(160 << 20), using: &generator)) }
            }
            let found = try await Inspector.withInspector(attachedTo: target) { [addresses] inspector in
                var result: [UInt64?] = []
                for address in addresses {
                    let physical = try? await inspector.addressSpace.translate(VirtualAddress(address)).physical
                        .rawValue
                    result.append(physical)
                }
                return result
            }
            try await QMPClient.withConnection(to: try QMPAddress(guest.qmpSocket)) { qmp in
                for (address, physical) in zip(addresses, found) {
                    let text = try await qmp.monitor("gva2gpa 0x\(String(address, radix: 16))")
                    let expected = physical.map { "gpa: 0x" + String($0, radix: 16) } ?? "Unmapped"
                    #expect(text.hasPrefix(expected), "0x\(String(address, radix: 16))")
                }
            }
            #expect(found.contains { $0 != nil } && found.contains { $0 == nil })
        }
    }
}
