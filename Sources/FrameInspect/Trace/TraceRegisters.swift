internal import GDBRemote

/// Takes the registers that a trace needs out of a stub's answer.
struct TraceRegisters {
    /// DWARF's numbers of the registers by their names in target descriptions.
    private static let numbers: [(name: String, number: Int)] = [
        ("rax", 0), ("rdx", 1), ("rcx", 2), ("rbx", 3), ("rsi", 4), ("rdi", 5), ("rbp", 6), ("rsp", 7), ("r8", 8),
        ("r9", 9), ("r10", 10), ("r11", 11), ("r12", 12), ("r13", 13), ("r14", 14), ("r15", 15), ("rip", 16),
    ]

    private let known: [(register: TargetRegister, number: Int)]
    private let flags: TargetRegister
    /// The place in the code.
    let programCounter: TargetRegister

    /// - Throws: ``InspectorError`` for a target that has not the registers of x86-64.
    init(_ description: TargetDescription) throws(InspectorError) {
        var known: [(TargetRegister, Int)] = []
        for (name, number) in TraceRegisters.numbers {
            if let register = description.register(name) { known.append((register, number)) }
        }
        guard let flags = description.register("eflags"), let counter = description.register("rip"),
            known.count == TraceRegisters.numbers.count
        else {
            throw InspectorError(
                .unreachable, "the stub's description of its target (\(description.architecture)) is not that of x86-64"
            )
        }
        self.known = known
        self.flags = flags
        programCounter = counter
    }

    /// A processor's registers.
    struct Values {
        /// By DWARF's numbers.
        var registers: [Int: UInt64]
        var flags: UInt64

        var rip: UInt64 { registers[16] ?? 0 }
        var rsp: UInt64 { registers[7] ?? 0 }
        var rdi: UInt64 { registers[5] ?? 0 }

        /// Those that are told.
        var told: [TraceContext.Register] {
            [.init("rip", rip), .init("rsp", rsp), .init("rdi", rdi), .init("eflags", flags)]
        }
    }

    /// The values in an answer.
    func values(_ answer: RegisterValues) -> Values {
        var registers: [Int: UInt64] = [:]
        registers.reserveCapacity(known.count)
        for (register, number) in known { registers[number] = answer.number(register) }
        return Values(registers: registers, flags: answer.number(flags) ?? 0)
    }
}
