/// Follows values through a function: the stack pointer, saved flags, bounds of indices, constant addresses.
final class ValueAnalysis {
    /// What a function's code does that its bytes alone do not show.
    struct Facts {
        /// Calls and jumps through registers and memory.
        var indirect: [UInt64: FunctionGraph.Resolution] = [:]
        /// `popf` and `sti` that may let interrupts in.
        var enables: Set<UInt64> = []
        /// `ret` that may not go back to the caller.
        var strayReturns: Set<UInt64> = []
        /// Whether following values came to an end.
        var isComplete = true
    }

    private let graph: BlockGraph
    private let function: FunctionGraph
    private let memory: CodeMemory
    private(set) var elements: [TableElement] = []
    private var elementNumbers: [TableElement: Int] = [:]
    /// Whether an address of the function's own stack may be known elsewhere.
    private var isStackShared = false

    /// How often a block is looked at again before what is known there is dropped.
    private static let patience = 64

    init(_ graph: BlockGraph, memory: CodeMemory) {
        self.graph = graph
        function = graph.function
        self.memory = memory
        isStackShared = function.instructions.contains(where: ValueAnalysis.sharesStack)
    }

    func run() -> Facts {
        var facts = Facts()
        guard let first = graph.number(at: function.entry) else { return facts }
        var states = [MachineState?](repeating: nil, count: graph.blocks.count)
        var visits = [Int](repeating: 0, count: graph.blocks.count)
        states[first] = .entry
        var work = [first]
        var isWaiting = [Bool](repeating: false, count: graph.blocks.count)
        isWaiting[first] = true
        while let number = work.popLast() {
            isWaiting[number] = false
            visits[number] += 1
            guard var state = states[number] else { continue }
            if visits[number] > ValueAnalysis.patience {
                state.forgetAll()
                states[number] = state
                if visits[number] > 2 * ValueAnalysis.patience {
                    facts.isComplete = false
                    continue
                }
            }
            let block = graph.blocks[number]
            for index in block.instructions { step(function.instructions[index], &state) }
            for successor in block.successors {
                var next = state
                if let last = block.instructions.last {
                    refine(&next, function.instructions[last], isTaken: block.taken == successor, block)
                }
                if states[successor] == nil {
                    states[successor] = next
                } else if states[successor]?.merge(next) != true {
                    continue
                }
                if !isWaiting[successor] {
                    isWaiting[successor] = true
                    work.append(successor)
                }
            }
        }
        for (number, block) in graph.blocks.enumerated() {
            guard var state = states[number] else { continue }
            for index in block.instructions {
                let instruction = function.instructions[index]
                note(instruction, state, &facts)
                step(instruction, &state)
            }
        }
        return facts
    }

    /// What is found at an instruction, given what is known before it.
    private func note(_ instruction: Instruction, _ state: MachineState, _ facts: inout Facts) {
        switch instruction.operation {
        case .callIndirect, .jumpIndirect: facts.indirect[instruction.address] = resolve(instruction, state)
        case .popFlags:
            let top = state[Register.rsp]
            let saved = top.kind == .stack ? state.slot(top.number, width: 8) : nil
            if saved?.kind != .savedFlags || instruction.length != 1 { facts.enables.insert(instruction.address) }
        case .enableInterrupts:
            if !state.interruptsWereEnabled { facts.enables.insert(instruction.address) }
        case .leaveFunction:
            let top = state[Register.rsp]
            let isHome = top == .stack(0) && state.slot(0, width: 8)?.kind == .returnAddress
            if !isHome { facts.strayReturns.insert(instruction.address) }
        default: break
        }
    }

    /// Whether an instruction makes an address on the stack known to something else than the stack's own registers.
    private static func sharesStack(_ instruction: Instruction) -> Bool {
        func isFrame(_ register: UInt8) -> Bool { register == Register.rsp || register == Register.rbp }
        switch instruction.operation {
        case .loadAddress:
            return (isFrame(instruction.second.register) || isFrame(instruction.second.index))
                && !isFrame(instruction.first.register)
        case .move:
            guard instruction.second.kind == .register, isFrame(instruction.second.register) else { return false }
            return instruction.first.kind == .memory || !isFrame(instruction.first.register)
        case .push: return instruction.first.kind == .register && instruction.first.register == Register.rsp
        default: return false
        }
    }

    // MARK: One instruction

    private func step(_ instruction: Instruction, _ state: inout MachineState) {
        let first = instruction.first
        let second = instruction.second
        switch instruction.operation {
        case .move:
            if first.kind == .memory {
                write(value(of: second, instruction, &state), to: first, &state)
            } else {
                set(first, value(of: second, instruction, &state), instruction, &state)
            }
        case .moveZeroExtended, .moveSignExtended: extend(instruction, &state)
        case .loadAddress: set(first, address(of: second, state) ?? .unknown, instruction, &state)
        case .push where first.size == 8 || first.kind == .immediate:
            let pushed = value(of: first, instruction, &state)
            push(pushed, &state)
        case .pushFlags: push(Value(kind: .savedFlags), &state)
        case .pop where first.size == 8:
            let popped = pop(&state)
            if first.kind == .memory {
                write(.unknown, to: first, &state)
            } else {
                set(first, popped, instruction, &state)
            }
        case .popFlags where instruction.length == 1: _ = pop(&state)
        case .leave:
            state[Register.rsp] = state[Register.rbp]
            state[Register.rbp] = pop(&state)
        case .add, .subtract, .and, .or, .xor, .shiftRight: calculate(instruction, &state)
        case .compare: compare(first, second, instruction, &state)
        case .test, .bitTest: test(instruction, &state)
        case .setIfNotZero where first.kind == .register && !first.isHighByte && state.comparison == .interruptFlag:
            state[first.register] = Value(kind: .interruptByte)
        case .setIfCarry
        where first.kind == .register && !first.isHighByte && state.comparison == .interruptFlagInCarry:
            state[first.register] = Value(kind: .interruptByte)
        case .exchange where first.isWideRegister && second.isWideRegister && first.size == 8:
            let value = state[first.register]
            state[first.register] = state[second.register]
            state[second.register] = value
        case .call, .callIndirect, .systemCall:
            clobber(Register.clobberedByCalls, &state)
            if isStackShared { state.forgetSlots() }
            state.comparison = .none
        case .push, .pop, .popFlags:
            // Of another width than the stack is followed in.
            state.forgetSlots()
            clobber(instruction.writes | Register.bits(Register.rsp), &state)
        default: unknown(instruction, &state)
        }
        if !instruction.operation.keepsFlags, !comparesItself(instruction.operation) { state.comparison = .none }
    }

    private func comparesItself(_ operation: Operation) -> Bool {
        switch operation {
        case .compare, .test, .bitTest, .subtract, .and: true
        default: false
        }
    }

    private func clobber(_ mask: UInt64, _ state: inout MachineState) {
        for register in 0..<16 as Range<UInt8> where mask & Register.bits(register) != 0 { state[register] = .unknown }
    }

    /// An instruction that is not followed: what it writes is unknown.
    private func unknown(_ instruction: Instruction, _ state: inout MachineState) {
        if instruction.writesMemory {
            for operand in [instruction.first, instruction.second] where operand.kind == .memory {
                write(.unknown, to: operand, &state)
            }
            // String instructions and others without operands.
            if instruction.first.kind != .memory, instruction.second.kind != .memory, isStackShared {
                state.forgetSlots()
            }
        }
        clobber(instruction.writes, &state)
        // Whatever Capstone says of their access.
        for operand in [instruction.first, instruction.second] where operand.kind == .register {
            state[operand.register] = .unknown
        }
    }

    private func push(_ value: Value, _ state: inout MachineState) {
        let top = state[Register.rsp]
        guard top.kind == .stack else { return state.forgetSlots() }
        state[Register.rsp] = .stack(top.number &- 8)
        state.store(value, at: top.number &- 8, width: 8)
    }

    private func pop(_ state: inout MachineState) -> Value {
        let top = state[Register.rsp]
        guard top.kind == .stack else { return .unknown }
        state[Register.rsp] = .stack(top.number &+ 8)
        return state.slot(top.number, width: 8) ?? .unknown
    }

    /// Writes a register, in whole or in part.
    func set(_ target: Operand, _ value: Value, _ instruction: Instruction, _ state: inout MachineState) {
        guard target.kind == .register else { return clobber(instruction.writes, &state) }
        switch target.size {
        case 8: state[target.register] = value
        case 4:
            switch value.kind {
            case .constant: state[target.register] = .constant(value.number & 0xFFFF_FFFF)
            case .bounded where value.number <= 0xFFFF_FFFF: state[target.register] = value
            case .savedFlags, .shiftedFlags, .interruptBit, .interruptByte, .element: state[target.register] = value
            default:
                let bounded = state.fresh(identity(instruction), bound: 0xFFFF_FFFF)
                state[target.register] = bounded
            }
        case 1 where value.kind == .interruptByte && !target.isHighByte: state[target.register] = value
        default: state[target.register] = .unknown
        }
    }

    /// A name for the value that an instruction makes.
    func identity(_ instruction: Instruction, _ role: UInt64 = 0) -> UInt64 {
        instruction.address &* 4 &+ role
    }

    // MARK: Operands

    /// The address that a memory operand stands for, where it is constant or on the stack.
    private func address(of operand: Operand, _ state: MachineState) -> Value? {
        guard operand.kind == .memory, !operand.isOpaque else { return nil }
        var result = Value.constant(operand.value)
        for (register, scale) in [(operand.register, UInt64(1)), (operand.index, UInt64(operand.scale))]
        where register != Operand.noRegister {
            let part = state[register]
            switch (result.kind, part.kind) {
            case (.constant, .constant): result.number &+= part.number &* scale
            case (.constant, .stack) where scale == 1: result = .stack(part.number &+ result.number)
            case (.stack, .constant): result.number &+= part.number &* scale
            default: return nil
            }
        }
        return result
    }

    func value(
        of operand: Operand, _ instruction: Instruction, _ state: inout MachineState
    ) -> Value {
        switch operand.kind {
        case .immediate: return .constant(operand.size == 4 ? operand.value & 0xFFFF_FFFF : operand.value)
        case .register:
            guard operand.register < 16 else { return .unknown }
            let known = state[operand.register]
            if operand.size == 8 {
                // A copy must be known as such, so that a check of one bounds the other.
                guard known.kind == .unknown, operand.register != Register.rsp else { return known }
                let named = state.fresh(identity(instruction, 1), bound: .max)
                state[operand.register] = named
                return named
            }
            switch known.kind {
            case .bounded where operand.size == 4 && known.number <= 0xFFFF_FFFF: return known
            case .bounded
            where operand.size < 4 && !operand.isHighByte && known.number < 1 << (8 * UInt64(operand.size)):
                return known
            case .constant where !operand.isHighByte && operand.size > 0:
                return .constant(known.number & (.max >> (64 - 8 * UInt64(min(operand.size, 8)))))
            case .savedFlags, .shiftedFlags, .interruptBit: return operand.size == 4 ? known : .unknown
            case .interruptByte: return operand.isHighByte ? .unknown : known
            default: return .unknown
            }
        case .memory: return load(operand, instruction, &state)
        case .none: return .unknown
        }
    }

    private func load(
        _ operand: Operand, _ instruction: Instruction, _ state: inout MachineState
    ) -> Value {
        guard let place = address(of: operand, state) else {
            return element(operand, isSigned: instruction.operation == .moveSignExtended, state) ?? .unknown
        }
        switch place.kind {
        case .stack:
            if let known = state.slot(place.number, width: operand.size) { return known }
            guard operand.size == 8 || operand.size == 4 else { return .unknown }
            let named = state.fresh(identity(instruction, 2), bound: operand.size == 8 ? .max : 0xFFFF_FFFF)
            state.store(named, at: place.number, width: operand.size)
            return named
        case .constant:
            return memory.constant(at: place.number, width: Int(operand.size)).map(Value.constant) ?? .unknown
        default: return .unknown
        }
    }

    /// The element of a table that an operand reads.
    private func element(_ operand: Operand, isSigned: Bool, _ state: MachineState) -> Value? {
        guard !operand.isOpaque, operand.index < 16, operand.size == 8 || operand.size == 4 else { return nil }
        var base = operand.value
        if operand.register < 16 {
            guard state[operand.register].kind == .constant else { return nil }
            base &+= state[operand.register].number
        } else if operand.register != Operand.noRegister {
            return nil
        }
        guard operand.scale == operand.size else { return nil }
        let known = state[operand.index]
        let isBounded = known.kind == .bounded
        return number(
            TableElement(
                base: base, width: operand.size, isSigned: isSigned, last: isBounded ? known.number : .max,
                isChecked: isBounded && known.isChecked))
    }

    func number(_ element: TableElement) -> Value {
        if let known = elementNumbers[element] { return Value(kind: .element, number: UInt64(known)) }
        elementNumbers[element] = elements.count
        elements.append(element)
        return Value(kind: .element, number: UInt64(elements.count - 1))
    }

    func write(_ value: Value, to operand: Operand, _ state: inout MachineState) {
        guard let place = address(of: operand, state), place.kind == .stack else {
            // A known address is elsewhere; an unknown one may be on the stack if the stack's addresses are known.
            if isStackShared || operand.register == Register.rsp || operand.register == Register.rbp {
                if address(of: operand, state)?.kind != .constant { state.forgetSlots() }
            }
            return
        }
        let width = operand.size
        switch value.kind {
        case .interruptByte where width == 1, .unknown: state.store(value, at: place.number, width: width)
        case .bounded where width == 8 || (width == 4 && value.number <= 0xFFFF_FFFF):
            state.store(value, at: place.number, width: width)
        case _ where width == 8: state.store(value, at: place.number, width: width)
        default: state.store(.unknown, at: place.number, width: width)
        }
    }

    // MARK: Targets

    private func resolve(_ instruction: Instruction, _ state: MachineState) -> FunctionGraph.Resolution {
        let isJump = instruction.operation == .jumpIndirect
        let operand = instruction.first
        var state = state
        let target: Value
        switch operand.kind {
        case .register where operand.size == 8: target = state[operand.register]
        case .memory where operand.size == 8:
            if let place = address(of: operand, state), place.kind == .constant {
                guard let number = memory.constant(at: place.number, width: 8) else {
                    let why = memory.region(containing: place.number) == nil ? "cannot be read" : "can be written to"
                    return .unresolved("the target is in memory at \(hexadecimal(place.number)), which \(why)")
                }
                target = .constant(number)
            } else {
                target = load(operand, instruction, &state)
            }
        default: return .unresolved("the target is of a kind that is not followed")
        }
        switch target.kind {
        case .constant: return .targets([target.number], isAssumed: false)
        case .element:
            guard let index = Int(exactly: target.number), index < elements.count else { break }
            return JumpTable(elements[index], function: function, memory: memory).targets(isJump: isJump)
        default: break
        }
        return .unresolved("the target comes from a register or from memory that changes")
    }
}
