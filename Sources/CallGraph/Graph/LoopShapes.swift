/// Recognises loops that wait: for a lock, for another processor, for nothing.
struct LoopShapes {
    private let graph: BlockGraph
    /// Effects of the functions that are called, all that they call included.
    private let effectsOfCall: (UInt64) -> CodeEffects

    init(_ graph: BlockGraph, effectsOfCall: @escaping (UInt64) -> CodeEffects) {
        self.graph = graph
        self.effectsOfCall = effectsOfCall
    }

    /// The loops of a function that wait.
    func findings() -> [LocalFinding] { graph.loops().compactMap(finding) }

    private func finding(_ loop: [Int]) -> LocalFinding? {
        let members = Set(loop)
        let instructions = loop.flatMap { graph.blocks[$0].instructions }.map { graph.function.instructions[$0] }
        guard let first = instructions.min(by: { $0.address < $1.address }) else { return nil }
        let hasExit = loop.contains { number in
            graph.blocks[number].leaves || graph.blocks[number].successors.contains { !members.contains($0) }
        }
        guard hasExit else {
            return LocalFinding(
                kind: .blocking, site: first.address, evidence: .instructions, sink: "a loop without an exit")
        }
        var effects: CodeEffects = []
        var hasCalls = false
        for instruction in instructions {
            effects.formUnion(CodeEffects(instruction))
            if instruction.operation == .call || instruction.operation == .callIndirect {
                hasCalls = true
                effects.formUnion(effectsOfCall(instruction.address))
            }
        }
        let place = instructions.first { $0.isAtomicExchange } ?? instructions.first { $0.operation == .pause } ?? first
        if effects.contains([.pause, .exchange]) {
            return LocalFinding(
                kind: .lock, site: place.address, evidence: .instructions,
                sink: "a loop of atomic exchanges that pauses")
        }
        guard !effects.contains(.clock), !effects.contains(.writes), effects.contains(.pause) || !hasCalls,
            !carriesValues(loop)
        else { return nil }
        // Every turn is like the one before unless another processor writes to memory.
        if effects.contains(.exchange) {
            return LocalFinding(
                kind: .lock, site: place.address, evidence: .instructions,
                sink: "a loop that exchanges the same value until another processor lets go")
        }
        if graph.function.instructions.contains(where: { CodeEffects($0).contains(.exchangeAdd) }) {
            return LocalFinding(
                kind: .lock, site: place.address, evidence: .instructions,
                sink: "a loop that waits for a number drawn before, as ticket locks do")
        }
        return LocalFinding(
            kind: .blocking, site: place.address, evidence: .instructions,
            sink: "a loop that ends only when something outside of it changes")
    }

    /// Whether a register or a word on the stack that one turn writes is read by the next: then turns differ.
    private func carriesValues(_ loop: [Int]) -> Bool {
        struct Uses {
            var reads: UInt64 = 0
            var writes: UInt64 = 0
            var readSlots: Set<UInt64> = []
            var writtenSlots: Set<UInt64> = []
        }
        var uses: [Int: Uses] = [:]
        var written: UInt64 = 0
        var writtenSlots: Set<UInt64> = []
        for number in loop {
            var use = Uses()
            for index in graph.blocks[number].instructions {
                let instruction = graph.function.instructions[index]
                var (reads, writes) = (instruction.reads, instruction.writes)
                if instruction.operation == .call || instruction.operation == .callIndirect {
                    writes |= Register.clobberedByCalls
                }
                // The stack pointer comes back to where it was, or the loop would run out of stack.
                reads &= ~Register.bits(Register.rsp)
                writes &= ~Register.bits(Register.rsp)
                use.reads |= reads & ~use.writes
                use.writes |= writes
                for operand in [instruction.first, instruction.second] {
                    guard let slot = operand.stackSlot else { continue }
                    if operand.isRead, !use.writtenSlots.contains(slot) { use.readSlots.insert(slot) }
                    if operand.isWritten { use.writtenSlots.insert(slot) }
                }
            }
            uses[number] = use
            written |= use.writes
            writtenSlots.formUnion(use.writtenSlots)
        }
        // What is read before it is written, from the beginning of each block on: once around is enough for a fixed point
        // of sets that only grow.
        var live: [Int: (registers: UInt64, slots: Set<UInt64>)] = [:]
        var isChanged = true
        while isChanged {
            isChanged = false
            for number in loop {
                guard let use = uses[number] else { continue }
                var registers: UInt64 = 0
                var slots: Set<UInt64> = []
                for successor in graph.blocks[number].successors {
                    guard let next = live[successor] else { continue }
                    registers |= next.registers
                    slots.formUnion(next.slots)
                }
                registers = use.reads | (registers & ~use.writes)
                slots = use.readSlots.union(slots.subtracting(use.writtenSlots))
                if live[number]?.registers != registers || live[number]?.slots != slots {
                    live[number] = (registers, slots)
                    isChanged = true
                }
            }
        }
        // The loop is entered at blocks that code outside leads to; any of them may begin a turn.
        let members = Set(loop)
        var heads = Set(loop.filter { $0 == graph.number(at: graph.function.entry) })
        for (number, block) in graph.blocks.enumerated() where !members.contains(number) {
            heads.formUnion(block.successors.filter(members.contains))
        }
        return heads.contains { head in
            guard let next = live[head] else { return true }
            return next.registers & written != 0 || !next.slots.isDisjoint(with: writtenSlots)
        }
    }
}
