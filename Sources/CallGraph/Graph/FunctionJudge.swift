internal import KernelImage

/// Judges functions, each by itself, once all their code is known.
struct FunctionJudge {
    private let explorer: Explorer

    init(explorer: Explorer) { self.explorer = explorer }

    /// Adds the findings and the gaps of each function.
    func judge(_ functions: ArraySlice<FunctionGraph>) {
        collectEffects(functions)
        for function in functions { function.findings = findings(of: function) }
        addEndlessRecursion(functions)
    }

    private func collectEffects(_ functions: ArraySlice<FunctionGraph>) {
        for function in functions {
            function.effects = function.instructions.reduce(into: CodeEffects()) { $0.formUnion(CodeEffects($1)) }
        }
        var isChanged = true
        while isChanged {
            isChanged = false
            for function in functions.reversed() {
                let before = function.effects ?? []
                let after = function.calls.reduce(before) { $0.union(explorer.functions[$1.target]?.effects ?? []) }
                if after != before {
                    function.effects = after
                    isChanged = true
                }
            }
        }
    }

    private func findings(of function: FunctionGraph) -> [LocalFinding] {
        let graph = BlockGraph(function)
        var found: [LocalFinding] = function.sinkCalls.map { sink in
            LocalFinding(
                kind: sink.match.kind, site: sink.call.site, evidence: .call,
                sink: explorer.symbol(containing: sink.call.target)?.name ?? hexadecimal(sink.call.target),
                text: sink.match.text, pattern: sink.match.pattern)
        }
        let inlined = inlinedFindings(of: function, besides: found)
        found += inlined.map(\.finding)
        var calls: [UInt64: [UInt64]] = [:]
        for call in function.calls { calls[call.site, default: []].append(call.target) }
        let shapes =
            LoopShapes(graph) { site in
                (calls[site] ?? []).reduce(into: CodeEffects()) {
                    $0.formUnion(explorer.functions[$1]?.effects ?? [])
                }
            }.findings() + instructionFindings(of: function, graph)
        // A lock that is known by name is not reported a second time for its instructions.
        found += shapes.filter { shape in
            !inlined.contains { $0.finding.kind == shape.kind && $0.call.contains(shape.site) }
        }
        addOverlaps(function)
        return found
    }

    // MARK: Instructions

    private func instructionFindings(of function: FunctionGraph, _ graph: BlockGraph) -> [LocalFinding] {
        var found: [LocalFinding] = []
        var needsValues = !function.indirect.isEmpty
        for instruction in function.instructions {
            switch instruction.operation {
            case .invalid:
                found.append(trap(instruction, "an instruction that only a failed check or an abort leads to"))
            case .breakpoint: found.append(trap(instruction, "a trap"))
            case .halt:
                found.append(
                    LocalFinding(
                        kind: .blocking, site: instruction.address, evidence: .instructions,
                        sink: (explorer.text(at: instruction.address) ?? "hlt") + ", which waits for an interrupt"))
            case .interruptReturn:
                found.append(
                    LocalFinding(
                        kind: .interrupts, site: instruction.address, evidence: .instructions,
                        sink: "a return that loads the flags"))
            case .enableInterrupts, .popFlags: needsValues = true
            case .leaveFunction: break
            default:
                if instruction.writes & Register.bits(Register.rsp) != 0 || instruction.first.stackSlot != nil {
                    needsValues = true
                }
            }
        }
        // A function that leaves the stack alone returns to its caller.
        guard needsValues else { return found }
        let facts = function.facts(graph, memory: explorer.memory)
        for site in facts.enables {
            guard let position = function.position(of: site) else { continue }
            let isDirect = function.instructions[position].operation == .enableInterrupts
            found.append(
                LocalFinding(
                    kind: .interrupts, site: site, evidence: .instructions,
                    sink: isDirect ? "sti" : "popf of flags that this function did not save"))
        }
        for site in facts.strayReturns {
            function.gaps[site] = (.strayReturn, "the return may go elsewhere than to the caller")
        }
        for (site, resolution) in facts.indirect {
            if case .targets(_, isAssumed: true) = resolution { function.assumedTables.append(site) }
            guard case .unresolved(let why) = resolution, let position = function.position(of: site) else { continue }
            let isCall = function.instructions[position].operation == .callIndirect
            function.gaps[site] = (isCall ? .indirectCall : .indirectJump, why)
        }
        if !facts.isComplete {
            function.gaps[function.entry] = (.tooComplex, "the function's values cannot be followed to the end")
        }
        return found
    }

    private func trap(_ instruction: Instruction, _ text: String) -> LocalFinding {
        let name = explorer.text(at: instruction.address) ?? "trap"
        return LocalFinding(
            kind: .panic, site: instruction.address, evidence: .instructions, sink: "\(name), \(text)")
    }

    private func addOverlaps(_ function: FunctionGraph) {
        let sorted = function.instructions.map { ($0.address, $0.next) }.sorted { $0.0 < $1.0 }
        for (one, other) in zip(sorted, sorted.dropFirst()) where other.0 < one.1 {
            function.gaps[other.0] = (
                .overlapping, "the instruction begins inside the one at \(hexadecimal(one.0))"
            )
            return
        }
    }

    // MARK: Inlined functions

    private func inlinedFindings(
        of function: FunctionGraph, besides calls: [LocalFinding]
    ) -> [(finding: LocalFinding, call: InlinedCall)] {
        guard let names = explorer.names, names.knowsInlining else { return [] }
        var result: [(finding: LocalFinding, call: InlinedCall)] = []
        for call in names.inlinedCalls(inFunctionAt: function.entry) {
            // Whether interrupts are let in is seen from the instructions, and by them alone: they may just restore.
            guard let match = explorer.match(call.name), match.kind != .interrupts else { continue }
            // A call inside is found by itself, and an inlined caller stands for what is inlined into it.
            guard !calls.contains(where: { $0.kind == match.kind && call.contains($0.site) }),
                !result.contains(where: { outer in
                    outer.finding.kind == match.kind && call.ranges.allSatisfy { outer.call.contains($0.lowerBound) }
                })
            else { continue }
            let evidence = function.instructions.filter { call.contains($0.address) && shows(match.kind, $0) }
            guard let first = evidence.min(by: { $0.address < $1.address }) else { continue }
            result.append(
                (
                    LocalFinding(
                        kind: match.kind, site: first.address, evidence: .inlinedCall, sink: call.name,
                        text: match.text, pattern: match.pattern), call
                ))
        }
        return result
    }

    /// Whether an instruction of an inlined function does what the function is known for; what the optimiser left of one
    /// that it proved needless does not.
    private func shows(_ kind: SinkKind, _ instruction: Instruction) -> Bool {
        let isCall = instruction.operation == .call || instruction.operation == .callIndirect
        switch kind {
        case .lock: return isCall || instruction.isLocked
        case .allocation: return isCall || instruction.isLocked || instruction.writesMemory
        case .panic: return isCall || instruction.operation == .invalid || instruction.operation == .breakpoint
        case .interrupts: return false
        case .blocking: return isCall || instruction.operation == .halt || instruction.operation == .pause
        }
    }

    // MARK: Recursion

    /// Functions that can neither return nor end: all they do is call themselves again, directly or through others.
    private func addEndlessRecursion(_ functions: ArraySlice<FunctionGraph>) {
        var ends: Set<UInt64> = []
        func isKnownToEnd(_ function: FunctionGraph) -> Bool {
            function.returns || function.hasDeadEnd
                || (function.findings ?? []).contains { $0.kind == .blocking || $0.kind == .panic }
                || function.calls.contains { call in
                    guard let callee = explorer.functions[call.target], !callee.returns else { return false }
                    return ends.contains(call.target)
                }
        }
        var isChanged = true
        while isChanged {
            isChanged = false
            for function in functions.reversed() where !ends.contains(function.entry) && isKnownToEnd(function) {
                ends.insert(function.entry)
                isChanged = true
            }
        }
        for function in functions where !ends.contains(function.entry) {
            guard let call = function.calls.first else { continue }
            function.findings?.append(
                LocalFinding(
                    kind: .blocking, site: call.site, evidence: .instructions, sink: "recursion without an end"))
        }
    }
}
