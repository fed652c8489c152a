import FrameInspect
import GDBRemote
import GuestMemory
import GuestTesting
import QMP
import SocketTransport
import Synchronization
import SystemPackage
import Testing

/// Reads tell how far they are, and what the guest was doing meanwhile.
@Suite struct ProgressTests {
    /// What a progress callback was told.
    private final class Steps: Sendable {
        private let steps = Mutex<[(done: UInt64, total: UInt64)]>([])

        func add(_ done: UInt64, _ total: UInt64) { steps.withLock { $0.append((done, total)) } }

        /// Takes what came since the last time.
        func take() -> [(done: UInt64, total: UInt64)] {
            steps.withLock { steps in
                defer { steps = [] }
                return steps
            }
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: [Consistency.paused, .live])
    func everyReadEndsAtItsTotal(_ consistency: Consistency) async throws {
        try await TestGuest.with(.init(.release, megabytes: 256, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("churn start")
            let steps = Steps()
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.qmp = try QMPAddress(guest.qmpSocket)
            target.kernel = FilePath(guest.kernel)
            target.consistency = consistency
            target.progress = { steps.add($0, $1) }
            try await Inspector.withInspector(attachedTo: target) { inspector in
                let table = UInt64(inspector.placement.slotCount) * UInt64(inspector.layout.stride)
                func check(_ provenance: Provenance, _ name: String) {
                    let told = steps.take()
                    #expect(told.last?.done == told.last?.total, "\(name)")
                    #expect(told.allSatisfy { $0.total == (consistency == .live ? 2 * table : table) }, "\(name)")
                    #expect(zip(told, told.dropFirst()).allSatisfy { $0.done < $1.done }, "\(name)")
                    #expect(provenance.consistent == (consistency == .paused))
                    #expect((provenance.movedSlots == nil) == (consistency == .paused))
                    #expect(!provenance.isHeldByStub)
                }
                let snapshot = try await inspector.snapshot()
                #expect(snapshot.provenance.movedSlots ?? snapshot.moved.count == snapshot.moved.count)
                check(snapshot.provenance, "snapshot")
                check(try await inspector.summary().provenance, "summary")
                check(try await inspector.vtables().provenance, "vtables")
                check(try await inspector.stateRuns().provenance, "stateRuns")
            }
            try await guest.command("churn stop")
        }
    }

    @Test(.timeLimit(.minutes(3))) func aSearchAndTheStubTellTheirProgressToo() async throws {
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd, gdb: true)) { guest in
            let steps = Steps()
            var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
            target.gdb = try GDBAddress(try #require(guest.gdbSocket))
            target.memory = .only(.gdbstub)
            target.kernel = FilePath(guest.kernel)
            target.progress = { steps.add($0, $1) }
            let provenance = try await Inspector.withInspector(attachedTo: target) {
                try await $0.snapshot().provenance
            }
            #expect(provenance.isHeldByStub && provenance.consistent)
            #expect((provenance.pauseSeconds ?? 0) > 0)
            #expect(steps.take().last.map { $0.done == $0.total } == true)

            // Without an image the whole memory is searched for the table.
            target.kernel = nil
            target.gdb = nil
            target.qmp = try QMPAddress(guest.qmpSocket)
            target.memory = .only(.process)
            let size = try await Inspector.withInspector(attachedTo: target) { $0.memory.map.totalBytes }
            let told = steps.take()
            #expect(told.last?.total == size)
            #expect(told.last.map { $0.done <= $0.total && $0.done > size / 2 } == true)
        }
    }
}
