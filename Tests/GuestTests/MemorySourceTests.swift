import FrameInspect
import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import SystemPackage
import Testing

extension AttachedGuestTests {
    /// Every rung of the memory ladder on real machines: each keeps the rules, and all give the same bytes.
    @Suite struct MemorySourceTests {
        struct Machine: Sendable, CustomTestStringConvertible {
            var machine: TestGuest.Configuration.Machine
            var megabytes: Int
            var backend: TestGuest.Configuration.Backend
            var nodes: Int
            /// Regions that touch, and holes; low memory, ROM and devices differ between the machines.
            var isHigh: Bool
            var testDescription: String { "\(machine) \(megabytes) MiB \(backend) \(nodes) nodes" }
        }

        static let machines: [Machine] = [
            // 2 GiB below 4 GiB, one above; three backends.
            Machine(machine: .q35, megabytes: 3072, backend: .sharedMemfd, nodes: 3, isHigh: true),
            // 3 GiB below 4 GiB, one above; the second backend lies on both sides of the hole.
            Machine(machine: .pc, megabytes: 4096, backend: .sharedFile, nodes: 2, isHigh: true),
            Machine(machine: .q35, megabytes: 64, backend: .none, nodes: 1, isHigh: false),
            Machine(machine: .pc, megabytes: 96, backend: .privateMemfd, nodes: 2, isHigh: false),
        ]

        private static func target(_ guest: TestGuest, _ kind: MemorySourceKind) throws -> TargetSpecification {
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.qmp = try QMPAddress(guest.qmpSocket)
            if kind == .gdbstub { target.gdb = try GDBAddress(try #require(guest.gdbSocket)) }
            target.kernel = FilePath(guest.kernel)
            target.memory = .only(kind)
            return target
        }

        /// Words of each region as the human monitor prints them.
        private static func oracle(_ map: RAMMap, _ qmp: QMPClient) async throws -> [MemoryConformance.Known] {
            var result: [MemoryConformance.Known] = []
            for region in map.regions {
                let places = [
                    region.start.rawValue, region.start.rawValue + region.length / 2 & ~7, region.end.rawValue - 64,
                ]
                for place in places + (region.contains(PhysicalAddress(0x20_0000)) ? [0x20_0000, 0x10_0000] : []) {
                    let text = try await qmp.monitor("xp /8xg 0x\(String(place, radix: 16))")
                    let words = text.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix("0x") }
                        .compactMap { UInt64($0.dropFirst(2), radix: 16) }
                    try #require(words.count == 8, "\(text)")
                    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
                    result.append(MemoryConformance.Known(address: place, bytes: bytes))
                }
            }
            return result
        }

        /// Pages from all over RAM: the kernel, its table, the ends of the regions, and some at random.
        private static func sample(_ memory: any PhysicalMemory, _ map: RAMMap) async throws -> [[UInt8]] {
            var random = SeededGenerator(seed: 4)
            var result: [[UInt8]] = []
            for region in map.regions {
                for offset in [0, region.length - min(region.length, 20_000)] {
                    let count = Int(min(region.length, 20_000))
                    result.append(
                        try await memory.bytes(at: PhysicalAddress(region.start.rawValue + offset), count: count))
                }
                for _ in 0..<4 where region.length > 8192 {
                    let start = region.start.rawValue + random.next() % (region.length - 8192)
                    result.append(try await memory.bytes(at: PhysicalAddress(start), count: 5000))
                }
            }
            return result
        }

        @Test(.timeLimit(.minutes(5)), arguments: machines) func everyRungConforms(_ machine: Machine) async throws {
            var configuration = TestGuest.Configuration(
                .release, megabytes: machine.megabytes, cpus: 2, machine: machine.machine, backend: machine.backend,
                gdb: true)
            configuration.nodes = machine.nodes
            configuration.qmpSockets = 2
            try await TestGuest.with(configuration) { guest in
                try await guest.churnAndFreeze(seed: 21, operations: 1500)
                let second = try QMPAddress(guest.qemu.qmpSockets[1])
                try await QMPClient.withConnection(to: second) { qmp in
                    _ = try await qmp.execute(StopGuest())
                    var reference: [[UInt8]]?
                    var known: [MemoryConformance.Known] = []
                    for kind in MemoryChoice.rungs {
                        let isPrivate = [.none, .privateMemfd].contains(machine.backend)
                        if kind == .mapped, isPrivate { continue }
                        let (map, sample, words) = try await Inspector.withInspector(
                            attachedTo: Self.target(guest, kind)
                        ) {
                            [known] inspector in
                            let memory = inspector.memory
                            #expect(memory.kind == kind)
                            let known = known.isEmpty ? try await Self.oracle(memory.map, qmp) : known
                            let report = await MemoryConformance(
                                memory, known: known, devices: [0xFEE0_0000, 0xFEC0_0000, 0xFFFF_FFF0, 0xFED0_0000]
                            ).run()
                            #expect(report.problems == [], "\(kind)")
                            if machine.nodes > 1 { #expect(report.crossings > 0, "\(kind): \(memory.map)") }
                            if machine.isHigh {
                                #expect(report.holes > 0 && memory.map.end.rawValue > 4 << 30, "\(kind)")
                            }
                            return (memory.map, try await Self.sample(memory, memory.map), known)
                        }
                        known = words
                        if let reference {
                            #expect(sample == reference, "\(kind) gives other bytes")
                        } else {
                            reference = sample
                        }
                        #expect(map.totalBytes > UInt64(machine.megabytes) << 20 &- 2 << 20)
                        #expect(try await qmp.execute(QueryStatus()).running == false, "\(kind)")
                    }
                    guard machine.megabytes <= 96 else { return }
                    try await Self.checkCore(guest, qmp, reference ?? [])
                }
            }
        }

        /// A core file of the same guest holds the same bytes.
        private static func checkCore(_ guest: TestGuest, _ qmp: QMPClient, _ reference: [[UInt8]]) async throws {
            let path = guest.qemu.directory.file("guest.core")
            _ = try await qmp.execute(DumpGuestMemory(to: "file:" + path), timeout: .seconds(60))
            let core = try CoreFileMemory(path: FilePath(path))
            let map = try await Inspector.withInspector(attachedTo: target(guest, .process)) { $0.memory.map }
            let report = await MemoryConformance(core, known: try await oracle(map, qmp), devices: [0xFEE0_0000]).run()
            #expect(report.problems == [])
            #expect(try await sample(core, map) == reference)
        }

        @Test(.timeLimit(.minutes(3)), arguments: MemoryChoice.rungs)
        func aGuestThatGoesInMidReadIsNoticed(_ kind: MemorySourceKind) async throws {
            try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd, gdb: true)) { guest in
                let error = try? await Inspector.withInspector(attachedTo: Self.target(guest, kind)) { inspector in
                    await MemoryConformance(inspector.memory).whenTheGuestGoes { guest.stop() }
                }
                // Shared memory outlives the guest; whatever else reads it must say that it is gone.
                guard kind != .mapped else { return }
                let found = try #require(error ?? nil, "\(kind) went on reading a guest that is gone")
                #expect(found.code == .guestGone, "\(found)")
                #expect(!found.message.isEmpty)
            }
        }
    }
}
