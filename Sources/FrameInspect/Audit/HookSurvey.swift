public import CallGraph
internal import GuestMemory

/// Every installed hook, with what it can reach.
public struct HookSurvey: Sendable {
    /// A hook.
    public struct Entry: Sendable {
        /// Who uses it.
        public var use: HookUse
        /// What it can reach; nil for one that is no code, or where nothing could be proved.
        public var proof: HookProof?
        /// Why there is no proof.
        public var problem: String?
    }

    /// The hooks, by address.
    public var hooks: [Entry]
    /// Where all of it comes from.
    public var provenance: Provenance
}

extension Inspector {
    /// Proves of every hook that a frame's vtable names what it can reach.
    ///
    /// - Throws: ``InspectorError``; `.usage` for kernels without vtables.
    public func hooks() async throws(InspectorError) -> HookSurvey {
        guard layout.vtable.isPresent, facts.vtable != nil else {
            throw InspectorError(
                .usage, "the frames of this kernel have no vtables, says the profile \(target.profile.name)")
        }
        var proving = HookProving(inspector: self)
        let sample = try await auditSample(&proving)
        return HookSurvey(hooks: HookSurvey.entries(sample.facts), provenance: sample.provenance)
    }
}

extension HookSurvey {
    /// The hooks of a sample, by address.
    static func entries(_ facts: AuditFacts) -> [Entry] {
        HookUse.all(in: facts).map { use in
            let proof = facts.proofs[use.place.address.rawValue]
            let problem = proof == nil ? facts.proofObstacle ?? "it is not kernel code" : nil
            return Entry(use: use, proof: proof, problem: problem)
        }
    }
}
