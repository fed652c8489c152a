import GuestMemory
import Testing

@testable import CallGraph
@testable import FrameInspect

/// The rules of vtables and hooks, from a kernel that is written down.
@Suite(.timeLimit(.minutes(1))) struct VtableRuleTests {
    private static func found(
        _ frames: [UInt64] = [48], _ change: (inout AuditFacts.Vtable) -> Void
    ) async throws -> Set<RuleIdentifier> {
        var kernel = AuditedKernel()
        kernel.install(frames, change)
        return try await kernel.rulesFound()
    }

    @Test func soundVtableIsSilent() async throws {
        #expect(try await Self.found { _ in }.isEmpty)
        #expect(try await Self.found([32, 33, 34, 35]) { _ in }.isEmpty)
    }

    @Test func vtablesInTheWrongPlace() async throws {
        #expect(try await Self.found { $0.description.defect = .misaligned } == [.vtableMisaligned])
        #expect(try await Self.found { $0.description.defect = .unmapped } == [.vtableUnmapped])
        #expect(try await Self.found { $0.description.place.permissions = "rw-" } == [.vtableWritable])
        #expect(try await Self.found { $0.isInFreeFrame = true } == [.vtableDangling])
        #expect(try await Self.found { $0.description.place.symbolOffset = 8 } == [.vtableSymbolMismatch])
    }

    @Test func vtableOnAFreeFrame() async throws {
        var kernel = AuditedKernel()
        Slot.put(AuditedKernel.vtableAddress, 16, 8, &kernel.slots[66])
        #expect(try await kernel.rulesFound() == [.vtableOnFreeFrame])
    }

    @Test func contents() async throws {
        #expect(try await Self.found { $0.description.vtable?.reserved[5] = 1 } == [.vtableReservedNonzero])
        #expect(
            try await Self.found {
                $0.description.vtable?.onLastRef = nil
                $0.description.vtable?.onUnmap = nil
                $0.description.onLastRef = nil
                $0.description.onUnmap = nil
            } == [.vtableEmpty])
    }

    @Test func hooksThatAreNoCode() async throws {
        #expect(try await Self.found { $0.description.onUnmap?.permissions = "rw-" } == [.hookNotExecutable])
        #expect(try await Self.found { $0.description.onUnmap?.permissions = nil } == [.hookNotExecutable])
        #expect(
            try await Self.found { $0.description.onUnmap?.address = VirtualAddress(0x40_1000) } == [.hookNotExecutable]
        )
        #expect(try await Self.found { $0.description.onUnmap?.symbolOffset = 4 } == [.hookNotFunction])
        #expect(try await Self.found { $0.description.onUnmap?.symbol = nil } == [.hookNotFunction])
    }

    @Test func withoutSymbolsTheirRulesDoNotRun() async throws {
        var kernel = AuditedKernel()
        kernel.knowsSymbols = false
        kernel.install([48]) { $0.description.onUnmap?.symbol = nil }
        let collector = try await kernel.audit()
        #expect(collector.findings.isEmpty)
        #expect(collector.obstacles[.hookNotFunction] == .notRun("the image has no symbols"))
        #expect(collector.obstacles[.vtableSymbolMismatch] != nil)
        #expect(collector.obstacles[.vtableWritable] == nil)
    }

    @Test func hooksOnSomePages() async throws {
        // Only some pages have on_unmap; on_last_ref runs for the head alone.
        let partial = try await Self.found([32, 33]) { $0.description.vtable?.onLastRef = nil }
        #expect(partial == [.hookPartial])
        let dead = try await Self.found([33]) { $0.description.vtable?.onUnmap = nil }
        #expect(dead == [.hookDead])
        #expect(try await Self.found([32]) { $0.description.vtable?.onUnmap = nil }.isEmpty)
    }

    @Test(arguments: [
        (SinkKind.allocation, RuleIdentifier.hookAllocates), (.lock, .hookLocks), (.panic, .hookPanics),
        (.interrupts, .hookEnablesIRQs), (.blocking, .hookBlocks),
    ])
    func proofsThatFail(kind: SinkKind, rule: RuleIdentifier) async throws {
        let step = PathStep(
            function: "kernel::hook", functionAddress: AuditedKernel.hookAddress,
            address: AuditedKernel.hookAddress + 0x4D, inlinedBy: [])
        let violation = HookViolation(kind: kind, evidence: .call, sink: "the sink", text: "", path: [step])
        var kernel = AuditedKernel()
        kernel.install([48])
        kernel.proofs[AuditedKernel.hookAddress] = Self.proof(.violates, [violation])
        let finding = try #require(try await kernel.audit().findings.first)
        #expect(finding.rule == rule)
        #expect(finding.path == [step])
        #expect(finding.frames == [FrameRange(FrameNumber(48))])
        #expect(finding.confidence == .constant)
    }

    @Test func cleanAndUnproven() async throws {
        var kernel = AuditedKernel()
        kernel.install([48])
        kernel.proofs[AuditedKernel.hookAddress] = Self.proof(.clean, [])
        #expect(try await kernel.rulesFound().isEmpty)
        var proof = Self.proof(.unproven, [])
        proof.gaps = [ProofGap(reason: .indirectCall, text: "an indirect call", path: [])]
        kernel.proofs[AuditedKernel.hookAddress] = proof
        #expect(try await kernel.rulesFound() == [.hookUnproven])
        kernel.proofs = [:]
        kernel.proofObstacle = "the code cannot be read"
        let collector = try await kernel.audit()
        #expect(collector.findings.isEmpty)
        #expect(collector.obstacles[.hookPanics] == .notRun("the code cannot be read"))
    }

    private static func proof(_ verdict: HookProof.Verdict, _ violations: [HookViolation]) -> HookProof {
        HookProof(
            root: AuditedKernel.hookAddress, name: "kernel::hook", verdict: verdict, violations: violations, gaps: [],
            omitted: 0, visited: [], notVisited: [], uncheckedTables: [], knowsNames: true, knowsInlining: true,
            catalogueVersion: 1)
    }
}
