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
        /// Where it leads; `isAssumed` where the extent of a table was taken from the table itself.
        case targets([UInt64], isAssumed: Bool)
        case unresolved(String)
    }

    let entry: UInt64
    let symbol: CodeSymbol?
    /// In the order of discovery.
    private(set) var instructions: [Instruction] = []
    /// Positions of instructions by their distance from the symbol's start, -1 where none begins; and of those elsewhere.
    private var ownPositions: [Int32]
    private var otherPositions: [UInt64: Int32] = [:]
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
    /// Whether code or edges were added since values were last followed.
    var isChanged = true
    private var knownFacts = ValueAnalysis.Facts()
    /// Jumps through tables of which no code checks the index.
    var assumedTables: [UInt64] = []
    /// The findings, once exploring is over.
    var findings: [LocalFinding]?
    var effects: CodeEffects?

    init(entry: UInt64, symbol: CodeSymbol?) {
        self.entry = entry
        self.symbol = symbol
        leaders = [entry]
        let size = Int(clamping: symbol?.size ?? 0)
        ownPositions = [Int32](repeating: -1, count: min(size, FunctionGraph.maximumOwnBytes))
    }

    /// The longest function whose instructions are found without a dictionary, in bytes.
    private static let maximumOwnBytes = 1 << 20

    /// Whether an address is within what the symbol table says of this function.
    func owns(_ address: UInt64) -> Bool { symbol?.contains(address) ?? false }

    func append(_ instruction: Instruction) {
        let position = Int32(truncatingIfNeeded: instructions.count)
        let distance = instruction.address &- (symbol?.address ?? 0)
        if distance < UInt64(ownPositions.count) {
            ownPositions[Int(distance)] = position
        } else {
            otherPositions[instruction.address] = position
        }
        instructions.append(instruction)
        isChanged = true
    }

    /// The position of the instruction that begins at an address.
    func position(of address: UInt64) -> Int? {
        let distance = address &- (symbol?.address ?? 0)
        if distance < UInt64(ownPositions.count) {
            let position = ownPositions[Int(distance)]
            return position < 0 ? nil : Int(position)
        }
        return otherPositions[address].map { Int($0) }
    }

    /// What following values shows, which is done again only where the code has changed.
    func facts(_ graph: @autoclosure () -> BlockGraph, memory: CodeMemory) -> ValueAnalysis.Facts {
        guard isChanged else { return knownFacts }
        knownFacts = ValueAnalysis(graph(), memory: memory).run()
        isChanged = false
        return knownFacts
    }

    func contains(_ address: UInt64) -> Bool { position(of: address) != nil }
}
