import CallGraph
import FrameInspect
import GuestMemory
import GuestTesting
import KernelImage
import QMP
import SystemPackage
import Testing

/// Hooks of a running kernel are proved to be what the kernel says they are, in builds of all kinds.
@Suite(.serialized) struct HookProofTests {
    struct Specimen: Sendable {
        var name: String
        var address: UInt64
        var verdict: String
        var kinds: [String]
    }

    static let variants: [GuestVariant] = [.debug, .release, .thinLTO, .legacy]

    private static func zoo(_ guest: TestGuest) async throws -> [Specimen] {
        try await guest.command("zoo")["zoo"].list.map { specimen in
            Specimen(
                name: try #require(specimen["name"].text), address: try #require(specimen["address"].number),
                verdict: try #require(specimen["verdict"].text),
                kinds: try #require(specimen["kinds"].text).split(separator: " ").map(String.init).sorted())
        }
    }

    /// The kernel's sections as they lie in the guest's memory, with what its page tables allow.
    private static func memory(of guest: TestGuest, _ image: KernelImage) async throws -> CodeMemory {
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(guest.qmpSocket)
        target.kernel = FilePath(guest.kernel)
        return try await Inspector.withInspector(attachedTo: target) { inspector in
            var regions: [CodeMemory.Region] = []
            for section in image.sections where section.isAllocated && section.hasBytes && section.size > 0 {
                let address = VirtualAddress(section.address)
                guard let place = try? await inspector.addressSpace.translate(address) else { continue }
                regions.append(
                    CodeMemory.Region(
                        address: section.address,
                        bytes: try await inspector.addressSpace.bytes(at: address, count: Int(section.size)),
                        isWritable: place.isWritable, isExecutable: place.isExecutable))
            }
            return CodeMemory(regions)
        }
    }

    private static func account(_ proof: HookProof) -> String {
        (["\(proof.verdict)"] + proof.violations.map { "\($0.kind): \($0)" } + proof.gaps.map { "\($0.reason): \($0)" })
            .joined(separator: "\n    ")
    }

    @Test(.timeLimit(.minutes(10)), arguments: variants)
    func everyHookIsWhatTheKernelSays(_ variant: GuestVariant) async throws {
        try await TestGuest.with(.init(variant, megabytes: 64)) { guest in
            let zoo = try await Self.zoo(guest)
            #expect(zoo.count >= 40)
            #expect(Set(zoo.map(\.address)).count == zoo.count, "the compiler folded hooks into one")
            let image = try KernelImage(path: FilePath(guest.kernel))
            let memory = try await Self.memory(of: guest, image)
            let catalogue = try #require(try KernelProfile.named("strat9").hookSinks)
            let prover = HookProver(memory: memory, names: ImageNames(image: image), catalogue: catalogue)
            let proofs = prover.prove(zoo.map(\.address))
            for (specimen, proof) in zip(zoo, proofs) {
                #expect(
                    proof.verdict.rawValue == specimen.verdict
                        && proof.kinds.map(\.rawValue).sorted() == specimen.kinds,
                    "\(specimen.name) must be \(specimen.verdict) \(specimen.kinds), is \(Self.account(proof))")
                #expect(proof.name?.hasSuffix(specimen.name) == true)
                #expect(proof.visited.first?.address == specimen.address)
                for violation in proof.violations {
                    #expect(violation.path.first?.functionAddress == specimen.address)
                    #expect(violation.path.allSatisfy { $0.instruction != nil })
                }
            }
            try Self.expectPlaces(zoo, proofs, variant)
            try await Self.expectSameReach(guest.kernel, zoo, proofs)
            // The kernel's own hooks, but for those that are there to be found.
            let vtables = try await guest.command("vtables")["vtables"].list.filter { $0["fault"].text == nil }
            try #require(vtables.count >= 4)
            let hooks = Set(
                vtables.flatMap { [$0["on_last_ref"]["address"].number, $0["on_unmap"]["address"].number] }
            )
            .compactMap { $0 }.sorted()
            if variant != .debug {
                for proof in prover.prove(hooks) { #expect(proof.verdict == .clean, "\(Self.account(proof))") }
            }
        }
    }

    /// A chain three deep is shown step by step, with file and line.
    private static func expectPlaces(_ zoo: [Specimen], _ proofs: [HookProof], _ variant: GuestVariant) throws {
        let index = try #require(zoo.firstIndex { $0.name == "panic_three_deep" })
        let violation = try #require(proofs[index].violations.first)
        let names = violation.path.map { $0.function.split(separator: ":").last.map(String.init) ?? "" }
        #expect(names == ["panic_three_deep", "panic_deep", "panic_deeper"])
        #expect(violation.sink.hasPrefix("core::panicking::"))
        #expect(violation.path.allSatisfy { $0.file?.hasSuffix("zoo.rs") == true && ($0.line ?? 0) > 0 })
        guard variant != .debug else { return }
        let lock = try #require(zoo.firstIndex { $0.name == "lock_tail_call" })
        let inlined = try #require(proofs[lock].violations.first { $0.kind == .lock })
        #expect(inlined.evidence == .inlinedCall)
        #expect(inlined.path.last?.inlinedBy.contains { $0.function.hasSuffix("lock") && $0.line != nil } == true)
    }

    /// The functions that a proof visited are those that a walk over objdump's text finds.
    private static func expectSameReach(
        _ kernel: String, _ zoo: [Specimen], _ proofs: [HookProof]
    ) async throws {
        let walker = ObjdumpWalker(try await ObjdumpWalker.lines(of: kernel))
        var compared = 0
        for (specimen, proof) in zip(zoo, proofs) {
            var leaves: [UInt64: Bool] = [:]
            for function in proof.notVisited { leaves[function.address] = function.reason != "known by name: panics" }
            let (functions, isDirect) = walker.leaving(leaves).reach(from: specimen.address)
            let visited = Set(proof.visited.map(\.address))
            func text(_ addresses: Set<UInt64>) -> [String] { addresses.sorted().map { String($0, radix: 16) } }
            #expect(functions.isSubset(of: visited), "\(specimen.name): \(text(functions.subtracting(visited)))")
            if isDirect {
                compared += 1
                #expect(functions == visited, "\(specimen.name): \(text(visited.subtracting(functions)))")
            }
        }
        #expect(compared >= 10)
    }
}
