/// How much a prover looks at before it gives up; what it gives up is unproven.
public struct ProofLimits: Hashable, Sendable {
    /// Instructions of one function.
    public var instructionsPerFunction: Int
    /// Functions that one prover looks into, for all hooks together.
    public var functions: Int
    /// Instructions that one prover looks at, for all hooks together.
    public var instructions: Int
    /// Violations, and gaps, that are described for one hook.
    public var findingsPerHook: Int

    /// Limits; the defaults are far above what hooks need.
    public init(
        instructionsPerFunction: Int = 1 << 16, functions: Int = 1 << 16, instructions: Int = 1 << 22,
        findingsPerHook: Int = 64
    ) {
        self.instructionsPerFunction = instructionsPerFunction
        self.functions = functions
        self.instructions = instructions
        self.findingsPerHook = findingsPerHook
    }
}
