extension ValueAnalysis {
    func extend(_ instruction: Instruction, _ state: inout MachineState) {
        let source = instruction.second
        let known = value(of: source, instruction, &state)
        let isSigned = instruction.operation == .moveSignExtended
        switch known.kind {
        case .element: return set(instruction.first, known, instruction, &state)
        case .interruptByte where !isSigned:
            return set(instruction.first, Value(kind: .interruptBit), instruction, &state)
        case .constant where !isSigned: return set(instruction.first, known, instruction, &state)
        default: break
        }
        guard !isSigned, source.size < 4, instruction.first.size >= 4 else {
            return set(instruction.first, .unknown, instruction, &state)
        }
        let limit: UInt64 = source.size == 1 ? 0xFF : 0xFFFF
        if known.kind == .bounded, known.number <= limit {
            set(instruction.first, known, instruction, &state)
        } else {
            let bounded = state.fresh(identity(instruction), bound: limit)
            set(instruction.first, bounded, instruction, &state)
        }
    }

    func calculate(_ instruction: Instruction, _ state: inout MachineState) {
        let (first, second) = (instruction.first, instruction.second)
        guard first.kind == .register, first.register < 16 else {
            write(.unknown, to: first, &state)
            state.comparison = .none
            return
        }
        if instruction.operation == .subtract {
            compare(first, second, instruction, &state)
        } else {
            state.comparison = .none
        }
        let comparison = state.comparison
        let left = value(of: first, instruction, &state)
        let right = value(of: second, instruction, &state)
        let immediate = second.kind == .immediate ? second.value : nil
        var result = Value.unknown
        switch (instruction.operation, left.kind, right.kind) {
        case (.add, .constant, .constant): result = .constant(left.number &+ right.number)
        case (.subtract, .constant, .constant): result = .constant(left.number &- right.number)
        case (.add, .stack, .constant) where first.size == 8: result = .stack(left.number &+ right.number)
        case (.add, .constant, .stack) where first.size == 8: result = .stack(left.number &+ right.number)
        case (.subtract, .stack, .constant) where first.size == 8: result = .stack(left.number &- right.number)
        case (.add, .element, .constant) where first.size == 8: result = moved(left, by: right.number)
        case (.add, .constant, .element) where first.size == 8: result = moved(right, by: left.number)
        case (.xor, _, _) where second.kind == .register && second.register == first.register && first.isWideRegister:
            result = .constant(0)
        case (.and, .savedFlags, _) where immediate == 0x200:
            result = Value(kind: .interruptBit)
            state.comparison = .interruptFlag
        case (.and, .shiftedFlags, _) where immediate == 1:
            result = Value(kind: .interruptBit)
            state.comparison = .interruptFlag
        case (.and, .interruptByte, _) where immediate == 1: result = left
        case (.and, _, _) where immediate != nil && first.isWideRegister:
            let mask = (immediate ?? 0) & (first.size == 4 ? 0xFFFF_FFFF : .max)
            if left.kind == .constant {
                result = .constant(left.number & mask)
            } else if mask >> 63 == 0 {
                result = state.fresh(identity(instruction), bound: mask, isChecked: true)
            }
        case (.shiftRight, .savedFlags, _) where immediate == 9: result = Value(kind: .shiftedFlags)
        default: break
        }
        set(first, result, instruction, &state)
        if instruction.operation == .subtract, comparison != .none { state.comparison = comparison }
    }

    private func moved(_ value: Value, by distance: UInt64) -> Value {
        guard let index = Int(exactly: value.number), index < elements.count else { return .unknown }
        var element = elements[index]
        element.addend &+= distance
        return number(element)
    }

    func compare(
        _ first: Operand, _ second: Operand, _ instruction: Instruction, _ state: inout MachineState
    ) {
        state.comparison = .none
        guard second.kind == .immediate else { return }
        let number = first.size == 4 ? second.value & 0xFFFF_FFFF : second.value
        let known = value(of: first, instruction, &state)
        switch known.kind {
        case .interruptBit where number == 0, .interruptByte where number == 0 && first.size == 1:
            state.comparison = .interruptFlag
        case .bounded
        where first.size == 8 || known.number <= UInt64.max >> (64 - 8 * UInt64(max(1, min(8, first.size)))):
            state.comparison = .with(identity: known.identity, number: number)
        default: break
        }
    }

    func test(_ instruction: Instruction, _ state: inout MachineState) {
        let (first, second) = (instruction.first, instruction.second)
        state.comparison = .none
        let known: Value
        switch first.kind {
        case .register where first.register < 16: known = state[first.register]
        case .memory where first.size == 1: known = value(of: first, instruction, &state)
        default: return
        }
        if instruction.operation == .bitTest {
            if known.kind == .savedFlags, second.kind == .immediate, second.value == 9 {
                state.comparison = .interruptFlagInCarry
            }
            return
        }
        let isItself =
            first.kind == .register && second.kind == .register && second.register == first.register
            && second.size == first.size
        let mask = second.kind == .immediate ? second.value : nil
        switch known.kind {
        case .savedFlags where (mask == 0x200 && first.size >= 2) || (mask == 2 && first.isHighByte),
            .interruptBit where isItself && !first.isHighByte,
            .interruptByte where (isItself || mask == 1) && first.size == 1 && !first.isHighByte,
            .shiftedFlags where mask == 1 && !first.isHighByte:
            state.comparison = .interruptFlag
        default: break
        }
    }

    /// What a conditional branch says, on each of its two ways.
    func refine(
        _ state: inout MachineState, _ instruction: Instruction, isTaken: Bool, _ block: BlockGraph.Block
    ) {
        guard instruction.operation == .branch, block.successors.count == 2 else { return }
        let condition = isTaken ? instruction.condition : instruction.condition.negated
        switch state.comparison {
        case .none: break
        case .interruptFlag: if condition == .notEqual { state.interruptsWereEnabled = true }
        case .interruptFlagInCarry: if condition == .below { state.interruptsWereEnabled = true }
        case .with(let identity, let number):
            switch condition {
            case .below where number > 0: state.limit(identity, to: number - 1)
            case .belowOrEqual, .equal: state.limit(identity, to: number)
            default: break
            }
        }
    }
}
