/// Proves of hooks what they can reach.
///
/// Every function is looked at once, however many hooks reach it, also over several calls of ``prove(_:)``.
public final class HookProver {
    private let memory: CodeMemory
    private let names: (any CodeNames)?
    private let catalogue: SinkCatalogue
    private let limits: ProofLimits
    private let explorer: Explorer?

    /// A prover for code in `memory`.
    ///
    /// Without names only the shapes of instructions can be judged: then no hook is proved clean.
    public init(
        memory: CodeMemory, names: (any CodeNames)?, catalogue: SinkCatalogue, limits: ProofLimits = ProofLimits()
    ) {
        self.memory = memory
        self.names = names
        self.catalogue = catalogue
        self.limits = limits
        explorer = Disassembler().map {
            Explorer(memory: memory, names: names, catalogue: catalogue, limits: limits, decoder: $0)
        }
    }

    /// A proof for each of the functions at these addresses, in their order.
    public func prove(_ roots: [UInt64]) -> [HookProof] {
        guard let explorer else {
            return roots.map { root in
                let gap = ProofGap(reason: .noDisassembler, text: "Capstone cannot be used for x86-64", path: [])
                return HookProof(
                    root: root, name: nil, verdict: .unproven, violations: [], gaps: [gap], omitted: 0, visited: [],
                    notVisited: [], uncheckedTables: [], knowsNames: names != nil,
                    knowsInlining: names?.knowsInlining ?? false,
                    catalogueVersion: catalogue.version)
            }
        }
        explorer.explore(roots)
        return roots.map { ProofBuilder(explorer: explorer, root: $0).build() }
    }
}
