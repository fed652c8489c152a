internal import CCapstone

extension Disassembler {
    /// What each of Capstone's instructions does.
    static let operations: [Operation] = {
        var table = [Operation](repeating: .other, count: Int(X86_INS_ENDING.rawValue) + 1)
        let groups: [(Operation, [x86_insn])] = [
            (.move, [X86_INS_MOV, X86_INS_MOVABS]), (.moveZeroExtended, [X86_INS_MOVZX]),
            (.moveSignExtended, [X86_INS_MOVSX, X86_INS_MOVSXD]), (.loadAddress, [X86_INS_LEA]),
            (.exchange, [X86_INS_XCHG]), (.push, [X86_INS_PUSH]), (.pop, [X86_INS_POP]), (.leave, [X86_INS_LEAVE]),
            (.pushFlags, [X86_INS_PUSHFQ]),
            (.popFlags, [X86_INS_POPF, X86_INS_POPFD, X86_INS_POPFQ]), (.add, [X86_INS_ADD]),
            (.subtract, [X86_INS_SUB]), (.and, [X86_INS_AND]), (.or, [X86_INS_OR]), (.xor, [X86_INS_XOR]),
            (.shiftRight, [X86_INS_SHR]), (.compare, [X86_INS_CMP]), (.test, [X86_INS_TEST]),
            (.bitTest, [X86_INS_BT]), (.setIfNotZero, [X86_INS_SETNE]), (.setIfCarry, [X86_INS_SETB]),
            (.call, [X86_INS_CALL]), (.jump, [X86_INS_JMP]),
            (
                .branch,
                [
                    X86_INS_JA, X86_INS_JAE, X86_INS_JB, X86_INS_JBE, X86_INS_JE, X86_INS_JNE, X86_INS_JG, X86_INS_JGE,
                    X86_INS_JL, X86_INS_JLE, X86_INS_JNO, X86_INS_JNP, X86_INS_JNS, X86_INS_JO, X86_INS_JP, X86_INS_JS,
                    X86_INS_JCXZ, X86_INS_JECXZ, X86_INS_JRCXZ, X86_INS_LOOP, X86_INS_LOOPE, X86_INS_LOOPNE,
                    X86_INS_XBEGIN,
                ]
            ),
            (.leaveFunction, [X86_INS_RET]), (.invalid, [X86_INS_UD2, X86_INS_UD2B]),
            (.breakpoint, [X86_INS_INT3, X86_INS_INT1]), (.halt, [X86_INS_HLT, X86_INS_MWAIT]),
            (
                .interruptReturn,
                [
                    X86_INS_IRET, X86_INS_IRETD, X86_INS_IRETQ, X86_INS_SYSRET, X86_INS_SYSEXIT,
                ]
            ),
            (.systemCall, [X86_INS_INT, X86_INS_INTO, X86_INS_SYSCALL, X86_INS_SYSENTER, X86_INS_VMCALL]),
            (.farTransfer, [X86_INS_LJMP, X86_INS_LCALL, X86_INS_RETF, X86_INS_RETFQ, X86_INS_RSM]),
            (.enableInterrupts, [X86_INS_STI]), (.disableInterrupts, [X86_INS_CLI]), (.pause, [X86_INS_PAUSE]),
            (.timestamp, [X86_INS_RDTSC, X86_INS_RDTSCP]),
            (.compareExchange, [X86_INS_CMPXCHG, X86_INS_CMPXCHG8B, X86_INS_CMPXCHG16B, X86_INS_BTS]),
            (.exchangeAdd, [X86_INS_XADD]),
        ]
        for (operation, names) in groups {
            for name in names { table[Int(name.rawValue)] = operation }
        }
        return table
    }()

    /// Branches that count rcx down.
    static let countingBranches = [X86_INS_LOOP.rawValue, X86_INS_LOOPE.rawValue, X86_INS_LOOPNE.rawValue]

    /// Exchanges that compare with rax, or with rax and rdx.
    static let comparingExchanges = [
        X86_INS_CMPXCHG.rawValue, X86_INS_CMPXCHG8B.rawValue, X86_INS_CMPXCHG16B.rawValue,
    ]

    /// When each of Capstone's conditional branches is taken.
    static let conditions: [Condition] = {
        var table = [Condition](repeating: .other, count: Int(X86_INS_ENDING.rawValue) + 1)
        let pairs: [(x86_insn, Condition)] = [
            (X86_INS_JA, .above), (X86_INS_JAE, .aboveOrEqual), (X86_INS_JB, .below), (X86_INS_JBE, .belowOrEqual),
            (X86_INS_JE, .equal), (X86_INS_JNE, .notEqual),
        ]
        for (name, condition) in pairs { table[Int(name.rawValue)] = condition }
        return table
    }()
}
