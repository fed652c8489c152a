/// What code does that matters in a loop around it.
struct CodeEffects: OptionSet, Hashable {
    let rawValue: UInt8

    /// Tells the processor that it is spinning.
    static let pause = CodeEffects(rawValue: 1)
    /// Exchanges memory atomically, as locks do.
    static let exchange = CodeEffects(rawValue: 2)
    /// Draws a number atomically, as ticket locks do.
    static let exchangeAdd = CodeEffects(rawValue: 4)
    /// Writes memory that is not on its own stack.
    static let writes = CodeEffects(rawValue: 8)
    /// Looks at the clock.
    static let clock = CodeEffects(rawValue: 16)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What one instruction does.
    init(_ instruction: Instruction) {
        var effects: CodeEffects = []
        switch instruction.operation {
        case .pause: effects = .pause
        case .timestamp: effects = .clock
        case .exchangeAdd where instruction.isLocked: effects = [.exchangeAdd, .writes]
        default: break
        }
        if instruction.isAtomicExchange { effects.insert(.exchange) }
        let isPush = instruction.operation == .push || instruction.operation == .pushFlags
        if instruction.writesMemory, !isPush, !instruction.isAtomicExchange, !CodeEffects.isOnStack(instruction) {
            effects.insert(.writes)
        }
        self = effects
    }

    private static func isOnStack(_ instruction: Instruction) -> Bool {
        guard !instruction.isLocked else { return false }
        let operand = instruction.first.kind == .memory ? instruction.first : instruction.second
        return operand.stackSlot != nil
    }
}

extension Operand {
    /// Tells words on the stack apart, as long as the stack pointer stays; nil for other memory.
    var stackSlot: UInt64? {
        guard kind == .memory, !isOpaque, index == Operand.noRegister,
            register == Register.rsp || register == Register.rbp
        else { return nil }
        return value &* 2 &+ (register == Register.rsp ? 1 : 0)
    }
}
