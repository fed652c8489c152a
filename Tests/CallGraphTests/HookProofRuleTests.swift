import CallGraph
import Testing

/// What is clean, what violates and what cannot be proved, rule by rule, on code of a few instructions.
@Suite struct HookProofRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var code: String
        var verdict: HookProof.Verdict
        var kinds: [SinkKind] = []
        var gaps: [ProofGap.Reason] = []
        var testDescription: String { name }
    }

    @Test(arguments: RuleCases.all) func everyRule(_ rule: Case) async throws {
        let code = try await AssembledCode(rule.code)
        let proof = try code.prove()
        let account = "\(proof.violations.map(\.description)) \(proof.gaps.map(\.description))"
        #expect(proof.verdict == rule.verdict, "\(account)")
        #expect(proof.kinds == rule.kinds.sorted(), "\(account)")
        #expect(proof.gaps.map(\.reason) == rule.gaps, "\(account)")
        // Without names nothing is proved clean, and nothing that instructions show is lost.
        let unnamed = try code.prove(named: false)
        #expect(unnamed.verdict != .clean)
        #expect(unnamed.gaps.contains { $0.reason == .noNames })
    }
}
