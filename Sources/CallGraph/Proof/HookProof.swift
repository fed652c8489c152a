/// What can be said of a hook from the code it can reach.
public struct HookProof: Hashable, Sendable, Codable {
    /// The result.
    public enum Verdict: String, Hashable, Sendable, Codable, CaseIterable {
        /// Every path ends, and none does what a hook must not do.
        case clean
        /// A path does what a hook must not do.
        case violates
        /// Neither could be shown.
        case unproven
    }

    /// A function whose code the hook can reach.
    public struct VisitedFunction: Hashable, Sendable, Codable {
        /// The name, demangled; the address in hexadecimal where it has none.
        public var name: String
        /// Address of its first byte.
        public var address: UInt64
        /// Instructions of it that can be reached.
        public var instructions: Int
    }

    /// A function that is reached but was not looked into.
    public struct UnvisitedFunction: Hashable, Sendable, Codable {
        /// The name, demangled; the address in hexadecimal where it has none.
        public var name: String
        /// Address of its first byte.
        public var address: UInt64
        /// Why, in a few words.
        public var reason: String
    }

    /// The hook.
    public var root: UInt64
    /// The hook's name, demangled; nil where it has none.
    public var name: String?
    /// The result.
    public var verdict: Verdict
    /// What the hook must not do and can do, the shortest way first; one for each kind and function or instruction.
    public var violations: [HookViolation]
    /// Where the proof could not go on.
    public var gaps: [ProofGap]
    /// Violations and gaps beyond the limit that are not described.
    public var omitted: Int
    /// The functions that were looked into, the hook first.
    public var visited: [VisitedFunction]
    /// The functions that are reached and were not looked into.
    public var notVisited: [UnvisitedFunction]
    /// Jumps through tables of which no code checks the index: the table was read as far as it leads into its function.
    ///
    /// Compilers leave the check out where they know the index; a clean verdict relies on that.
    public var uncheckedTables: [UInt64]
    /// Whether functions could be judged by name; without names a proof is never clean.
    public var knowsNames: Bool
    /// Whether inlined functions could be judged by name.
    public var knowsInlining: Bool
    /// Version of the catalogue of names.
    public var catalogueVersion: Int

    /// The kinds of violation, each once.
    public var kinds: [SinkKind] { Set(violations.map(\.kind)).sorted() }
}
