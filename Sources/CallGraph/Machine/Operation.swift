/// What an instruction does, as far as proofs tell apart.
enum Operation: UInt8 {
    case other
    case move, moveZeroExtended, moveSignExtended, loadAddress, exchange
    case push, pop, leave, pushFlags, popFlags
    case add, subtract, and, or, xor, shiftRight, compare, test, bitTest, setIfNotZero, setIfCarry
    case call, callIndirect, jump, jumpIndirect, branch, leaveFunction
    case invalid, breakpoint, halt, interruptReturn, systemCall, farTransfer
    case enableInterrupts, disableInterrupts, pause, timestamp
    case compareExchange, exchangeAdd

    /// Whether the arithmetic flags are surely as before; what is not listed is taken to change them.
    var keepsFlags: Bool {
        switch self {
        case .move, .moveZeroExtended, .moveSignExtended, .loadAddress, .push, .pop, .pushFlags, .pause,
            .setIfNotZero, .setIfCarry, .branch, .jump, .jumpIndirect:
            true
        default: false
        }
    }

    /// Whether the next instruction is not simply the one behind.
    var endsBlock: Bool {
        switch self {
        case .call, .callIndirect, .jump, .jumpIndirect, .branch, .leaveFunction, .invalid, .breakpoint, .halt,
            .interruptReturn, .systemCall, .farTransfer:
            true
        default: false
        }
    }
}

/// When a conditional branch is taken, as far as bounds are drawn from it.
enum Condition: UInt8 {
    case other
    case above, aboveOrEqual, below, belowOrEqual, equal, notEqual

    /// The condition under which the branch is not taken.
    var negated: Condition {
        switch self {
        case .other: .other
        case .above: .belowOrEqual
        case .aboveOrEqual: .below
        case .below: .aboveOrEqual
        case .belowOrEqual: .above
        case .equal: .notEqual
        case .notEqual: .equal
        }
    }
}
