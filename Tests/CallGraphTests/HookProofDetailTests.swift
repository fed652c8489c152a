import CallGraph
import Testing

/// What a proof says besides its verdict, and how it behaves at the edges.
@Suite struct HookProofDetailTests {
    @Test func showsTheWay() async throws {
        let code = try await AssembledCode(
            "FN hook\n nop; call g; ret\nEND hook\nFN g\n nop; nop; call panic_now\nEND g\nFN panic_now\n ud2\nEND panic_now\n"
        )
        let proof = try code.prove()
        let violation = try #require(proof.violations.first)
        #expect(violation.description == "hook() +0x1 -> g() +0x2 -> panic_now")
        #expect(violation.path.map(\.function) == ["hook", "g"])
        #expect(violation.path.map(\.offset) == [1, 2])
        #expect(violation.path.allSatisfy { $0.instruction?.hasPrefix("call 0x") == true })
        #expect(violation.pattern == "panic*")
        #expect(proof.visited.map(\.name) == ["hook", "g"])
        #expect(proof.visited.map(\.instructions) == [2, 3])
        #expect(proof.notVisited.map(\.name) == ["panic_now"])
        #expect(proof.notVisited.first?.reason == "known by name: panics")
    }

    @Test func tablesThatNoCodeChecksAreTold() async throws {
        let table = ".section .rodata\ntable: .quad 1b, 2b, 0\n"
        let checked = try await AssembledCode(
            "FN hook\n and edi, 1; jmp [table + rdi*8]\n1: inc eax; ret\n2: ret\nEND hook\n" + table)
        #expect(try checked.prove().uncheckedTables.isEmpty)
        let unchecked = try await AssembledCode(
            "FN hook\n movzx edi, dil; jmp [table + rdi*8]\n1: inc eax; ret\n2: ret\nEND hook\n" + table)
        #expect(try unchecked.prove().uncheckedTables == [try unchecked.address("hook") + 4])
    }

    @Test func aHookThatIsItselfASinkViolates() async throws {
        let proof = try await AssembledCode("FN alloc_frame\n ret\nEND alloc_frame\n").prove("alloc_frame")
        #expect(proof.verdict == .violates)
        #expect(proof.kinds == [.allocation])
    }

    @Test func aRootThatCannotBeReadIsUnproven() async throws {
        let code = try await AssembledCode("FN hook\n ret\nEND hook\n.data\nvalue: .quad 0xc3c3c3c3\n")
        let prover = HookProver(memory: code.memory, names: nil, catalogue: AssembledCode.catalogue)
        for root in [0, 0x1234, .max, 0x8000_0000_0000_0000, 0xffff_ffff_8040_0000] as [UInt64] {
            let proof = try #require(prover.prove([root]).first)
            #expect(proof.verdict == .unproven)
            #expect(proof.gaps.contains { $0.reason == .unreadable })
            #expect(proof.visited.isEmpty)
        }
    }

    @Test func limitsEndInUnproven() async throws {
        let long = "FN hook\n .rept 1000\n inc eax\n .endr\n ret\nEND hook\n"
        let code = try await AssembledCode(long)
        #expect(try code.prove().verdict == .clean)
        let short = try code.prove(limits: ProofLimits(instructionsPerFunction: 100))
        #expect(short.verdict == .unproven)
        #expect(short.gaps.map(\.reason) == [.tooLarge])
        let total = try code.prove(limits: ProofLimits(instructions: 100))
        #expect(total.gaps.map(\.reason) == [.tooLarge])
        let chain = (0..<50).map { "FN f\($0)\n call f\($0 + 1); ret\nEND f\($0)\n" }.joined()
        let deep = try await AssembledCode(chain + "FN f50\n ret\nEND f50\n")
        #expect(try deep.prove("f0").verdict == .clean)
        let few = try deep.prove("f0", limits: ProofLimits(functions: 20))
        #expect(few.verdict == .unproven)
        #expect(few.gaps.map(\.reason) == [.tooLarge])
    }

    @Test func manyFindingsAreCounted() async throws {
        let code = try await AssembledCode("FN hook\n .rept 200\n sti\n .endr\n ret\nEND hook\n")
        let proof = try code.prove()
        #expect(proof.violations.count == 64)
        #expect(proof.omitted == 136)
    }

    /// Whatever the bytes are, there is an answer, and it is only clean where every byte was understood.
    @Test func anyBytesGetAnAnswer() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<400 {
            let bytes = (0..<256).map { _ in UInt8.random(in: 0...255, using: &random) }
            let memory = CodeMemory([
                CodeMemory.Region(address: 0x1000, bytes: bytes, isWritable: false, isExecutable: true)
            ])
            let proof = HookProver(memory: memory, names: nil, catalogue: AssembledCode.catalogue).prove([0x1000])
            #expect(proof.first?.verdict != .clean)
        }
    }

    @Test func hooksThatShareCodeAreJudgedAlike() async throws {
        let code = try await AssembledCode(
            "FN a\n jmp c\nEND a\nFN b\n call c; ret\nEND b\nFN c\n test rdi, rdi; je 1f; dec rdi; call b\n1: sti; ret\nEND c\n"
        )
        let names = ["a", "b", "c"]
        let prover = HookProver(
            memory: code.memory, names: ImageNames(image: code.image), catalogue: AssembledCode.catalogue)
        let together = prover.prove(try names.map(code.address))
        let again = prover.prove(try names.map(code.address))
        #expect(together == again)
        for (name, proof) in zip(names, together) {
            #expect(proof == (try code.prove(name)))
            #expect(proof.kinds == [.interrupts])
        }
    }
}
