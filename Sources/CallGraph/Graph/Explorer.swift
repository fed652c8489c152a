/// Finds all code that functions can reach, each function once however many hooks reach it.
///
/// Code behind a call is looked at only once the called function is known to return, so that what follows a call of a
/// function that never does is not mistaken for code.
final class Explorer {
    let memory: CodeMemory
    let names: (any CodeNames)?
    let catalogue: SinkCatalogue
    let limits: ProofLimits
    let decoder: Disassembler
    private(set) var functions: [UInt64: FunctionGraph] = [:]
    /// In the order of discovery.
    private(set) var order: [FunctionGraph] = []
    private var work: [(function: FunctionGraph, address: UInt64, from: UInt64)] = []
    private var matches: [String: SinkCatalogue.Match?] = [:]
    private var symbols: [UInt64: CodeSymbol?] = [:]
    private var instructionCount = 0
    /// How many functions have their findings.
    private var finished = 0

    /// How often jump tables may lead to more jump tables.
    private static let maximumRounds = 64

    init(
        memory: CodeMemory, names: (any CodeNames)?, catalogue: SinkCatalogue, limits: ProofLimits,
        decoder: Disassembler
    ) {
        self.memory = memory
        self.names = names
        self.catalogue = catalogue
        self.limits = limits
        self.decoder = decoder
    }

    /// Explores what the roots reach and judges every function of it.
    func explore(_ roots: [UInt64]) {
        for root in roots { _ = function(at: root) }
        drain()
        for _ in 0..<Explorer.maximumRounds {
            if resolve(givingUp: false) || resolve(givingUp: true) { drain() } else { break }
        }
        FunctionJudge(explorer: self).judge(order[finished...])
        finished = order.count
    }

    /// What the catalogue says of a name.
    func match(_ name: String) -> SinkCatalogue.Match? {
        if let known = matches[name] { return known }
        let match = catalogue.match(name)
        matches[name] = .some(match)
        return match
    }

    /// The symbol that holds an address.
    func symbol(containing address: UInt64) -> CodeSymbol? {
        guard let names else { return nil }
        if let known = symbols[address] { return known }
        let symbol = names.symbol(containing: address)
        symbols[address] = .some(symbol)
        return symbol
    }

    /// The instruction at an address as a person reads it.
    func text(at address: UInt64) -> String? {
        memory.withCode(at: address) { decoder.text($0, at: address) } ?? nil
    }

    private func function(at entry: UInt64) -> FunctionGraph {
        if let known = functions[entry] { return known }
        let function = FunctionGraph(entry: entry, symbol: symbol(containing: entry))
        functions[entry] = function
        order.append(function)
        if order.count > limits.functions {
            function.gaps[entry] = (.tooLarge, "more than \(limits.functions) functions are reached")
            markReturns(function)
        } else {
            work.append((function, entry, entry))
        }
        return function
    }

    private func drain() {
        while let (function, address, site) = work.popLast() { follow(function, from: address, site: site) }
    }

    // MARK: One function

    /// Decodes from an address on until control goes elsewhere.
    private func follow(_ function: FunctionGraph, from start: UInt64, site: UInt64) {
        var address = start
        var site = site
        var owner = function.owns(start) ? function.symbol : symbol(containing: start)
        function.leaders.insert(start)
        while true {
            if function.contains(address) {
                function.leaders.insert(address)
                function.isChanged = true
                return
            }
            if let known = owner, known.size > 0, !known.contains(address) {
                // Control runs from one function into the next.
                if address != start, isTailTarget(address, of: function) {
                    return reach(address, from: function, site: site, isTail: true)
                }
                owner = symbol(containing: address)
            }
            guard let instruction = decode(address, function, site: site) else {
                // What cannot be seen may return.
                return markReturns(function)
            }
            function.append(instruction)
            instructionCount += 1
            site = address
            if instruction.operation.endsBlock { return leave(function, instruction) }
            address = instruction.next
        }
    }

    private func decode(_ address: UInt64, _ function: FunctionGraph, site: UInt64) -> Instruction? {
        guard function.instructions.count < limits.instructionsPerFunction, instructionCount < limits.instructions
        else {
            function.gaps[site] = (.tooLarge, "the code goes on past the limit of instructions that are looked at")
            return nil
        }
        guard let decoded = memory.withCode(at: address, { decoder.decode($0, at: address) }) else {
            let why = memory.region(containing: address) == nil ? "cannot be read" : "is not executable"
            function.gaps[site] = (.unreadable, "control goes to \(hexadecimal(address)), which \(why)")
            return nil
        }
        if decoded == nil {
            function.gaps[site] = (.undecodable, "the bytes at \(hexadecimal(address)) are no instruction")
        }
        return decoded
    }

    /// Goes on where an instruction leads that is not simply followed by the next.
    private func leave(_ function: FunctionGraph, _ instruction: Instruction) {
        switch instruction.operation {
        case .call: reach(instruction.target, from: function, site: instruction.address, isTail: false)
        case .jump: jump(function, instruction, to: instruction.target)
        case .branch:
            jump(function, instruction, to: instruction.target)
            jump(function, instruction, to: instruction.next)
        case .callIndirect, .jumpIndirect: function.indirect[instruction.address] = .some(nil)
        case .leaveFunction: markReturns(function)
        case .halt: work.append((function, instruction.next, instruction.address))
        case .systemCall:
            function.gaps[instruction.address] = (
                .systemCall, "control goes to a handler of the system that is not followed"
            )
            function.continuingCalls.insert(instruction.address)
            work.append((function, instruction.next, instruction.address))
        case .farTransfer:
            function.gaps[instruction.address] = (.systemCall, "control goes to another segment")
            markReturns(function)
        default: function.hasDeadEnd = true
        }
    }

    private func jump(_ function: FunctionGraph, _ instruction: Instruction, to target: UInt64) {
        let isBranchBehind = instruction.operation == .branch && target == instruction.next
        if isTailTarget(target, of: function) {
            return reach(target, from: function, site: instruction.address, isTail: true)
        }
        if !isBranchBehind { function.jumps[instruction.address, default: []].append(target) }
        function.leaders.insert(target)
        function.isChanged = true
        if !function.contains(target) { work.append((function, target, instruction.address)) }
    }

    /// Whether a jump there leaves the function for another.
    private func isTailTarget(_ target: UInt64, of function: FunctionGraph) -> Bool {
        if function.owns(target) || target == function.entry { return false }
        guard let symbol = symbol(containing: target), symbol != function.symbol else { return false }
        if match(symbol.name) != nil { return true }
        guard symbol.isFunction, symbol.address == target else { return false }
        // The cold part of a function is a symbol of its own with the same name.
        return symbol.name != function.symbol?.name || symbol.size == 0
    }

    /// A call, or a jump to another function.
    private func reach(_ target: UInt64, from function: FunctionGraph, site: UInt64, isTail: Bool) {
        let call = FunctionGraph.Call(site: site, target: target, isTail: isTail)
        if isTail { function.tailSites.insert(site) }
        let symbol = symbol(containing: target)
        if let symbol, let match = match(symbol.name) {
            function.sinkCalls.append((call, match))
            // A panic does not come back.
            if match.kind == .panic { function.hasDeadEnd = true } else { goOn(function, site, isTail: isTail) }
            return
        }
        if names != nil, symbol == nil {
            function.gaps[site] = (
                .unnamed, "the function at \(hexadecimal(target)) has no name: whether it allocates cannot be told"
            )
        }
        if !function.calls.contains(call) { function.calls.append(call) }
        let callee = self.function(at: target)
        if callee.returns {
            goOn(function, site, isTail: isTail)
        } else {
            callee.waiters.append((function, site, isTail))
        }
    }

    /// Control comes back from a call.
    private func goOn(_ function: FunctionGraph, _ site: UInt64, isTail: Bool) {
        if isTail { return markReturns(function) }
        if let position = function.position(of: site), let symbol = function.symbol, symbol.size > 0,
            symbol.contains(site), !symbol.contains(function.instructions[position].next)
        {
            // A compiler ends a function so only where the callee does not return.
            if function.gaps[site] == nil {
                function.gaps[site] = (.strayReturn, "the callee can return, behind the end of the function")
            }
            return markReturns(function)
        }
        guard function.continuingCalls.insert(site).inserted, let position = function.position(of: site) else { return }
        function.isChanged = true
        work.append((function, function.instructions[position].next, site))
    }

    private func markReturns(_ function: FunctionGraph) {
        guard !function.returns else { return }
        function.returns = true
        let waiters = function.waiters
        function.waiters = []
        for waiter in waiters { goOn(waiter.function, waiter.site, isTail: waiter.isTail) }
    }

    // MARK: Calls and jumps through registers and memory

    /// Follows values where that is needed; whether something new is to be explored.
    private func resolve(givingUp: Bool) -> Bool {
        var isNew = false
        for function in order[finished...] where !function.indirect.isEmpty && (function.isChanged || givingUp) {
            for (site, resolution) in function.facts(BlockGraph(function), memory: memory).indirect {
                guard let position = function.position(of: site) else { continue }
                let instruction = function.instructions[position]
                switch resolution {
                case .targets(let targets, let isAssumed):
                    var known: [UInt64] = []
                    if case .targets(let older, _)?? = function.indirect[site] { known = older }
                    let added = targets.filter { !known.contains($0) }
                    guard !added.isEmpty else { continue }
                    isNew = true
                    function.indirect[site] = .targets(known + added, isAssumed: isAssumed)
                    for target in added {
                        if instruction.operation == .callIndirect {
                            reach(target, from: function, site: site, isTail: false)
                        } else {
                            jump(function, instruction, to: target)
                        }
                    }
                case .unresolved:
                    guard givingUp, function.indirect[site] != .some(.some(resolution)) else { continue }
                    isNew = true
                    function.indirect[site] = resolution
                    // It may lead anywhere and come back.
                    if instruction.operation == .callIndirect {
                        goOn(function, site, isTail: false)
                    } else {
                        markReturns(function)
                    }
                }
            }
        }
        return isNew
    }
}
