/// The code of one function that can be reached from its entry.
final class FunctionGraph {
    /// A call, or a jump that does not come back.
    struct Call: Hashable {
        var site: UInt64
        var target: UInt64
        var isTail: Bool
    }

    /// A call or jump of which the target is in a register or in memory.
    enum Resolution: Hashable {
        case targets([UInt64])
        case unresolved(String)
    }

    let entry: UInt64
    let symbol: CodeSymbol?
    /// In the order of discovery.
    private(set) var instructions: [Instruction] = []
    private(set) var positions: [UInt64: Int32] = [:]
    /// Where blocks begin.
    var leaders: Set<UInt64>
    /// Where control may go from a jump, a branch or a switch inside the function.
    var jumps: [UInt64: [UInt64]] = [:]
    /// Calls behind which control comes back.
    var continuingCalls: Set<UInt64> = []
    var calls: [Call] = []
    /// Jumps that leave the function.
    var tailSites: Set<UInt64> = []
    /// Calls of functions that the catalogue names.
    var sinkCalls: [(call: Call, match: SinkCatalogue.Match)] = []
    /// Calls and jumps through registers and memory, and what was found out about them.
    var indirect: [UInt64: Resolution?] = [:]
    var gaps: [UInt64: (reason: ProofGap.Reason, text: String)] = [:]
    /// Whether control can come back to the caller.
    var returns = false
    /// Whether something ends here for good: a trap, a call that does not come back.
    var hasDeadEnd = false
    /// Whom to tell when this function turns out to return.
    var waiters: [(function: FunctionGraph, site: UInt64, isTail: Bool)] = []
    /// Whether code was added since values were last followed.
    var isChanged = false
    /// The blocks and findings, once exploring is over.
    var findings: [LocalFinding]?
    var effects: CodeEffects?

    init(entry: UInt64, symbol: CodeSymbol?) {
        self.entry = entry
        self.symbol = symbol
        leaders = [entry]
    }

    /// Whether an address is within what the symbol table says of this function.
    func owns(_ address: UInt64) -> Bool { symbol?.contains(address) ?? false }

    func append(_ instruction: Instruction) {
        positions[instruction.address] = Int32(truncatingIfNeeded: instructions.count)
        instructions.append(instruction)
        isChanged = true
    }

    func contains(_ address: UInt64) -> Bool { positions[address] != nil }
}
