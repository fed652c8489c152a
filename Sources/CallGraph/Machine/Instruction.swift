/// A decoded instruction.
struct Instruction {
    var address: UInt64
    var length: UInt8
    var operation: Operation
    var condition: Condition = .other
    /// Whether it holds the bus: a `lock` prefix, or an exchange with memory.
    var isLocked = false
    var writesMemory = false
    var operandCount: UInt8 = 0
    /// Registers, as ``Register/bits(_:)`` has them.
    var reads: UInt64 = 0
    var writes: UInt64 = 0
    /// The destination, in the order of Intel's manuals.
    var first = Operand()
    var second = Operand()
    /// Where a direct call, jump or branch goes.
    var target: UInt64 = 0

    /// Whether it is one of the instructions that locks are built from.
    var isAtomicExchange: Bool { isLocked && (operation == .exchange || operation == .compareExchange) }

    /// Address of the instruction behind.
    var next: UInt64 { address &+ UInt64(length) }
}
