internal import CCapstone

/// Numbers of registers: the general ones as the processor counts them, then the vector ones.
enum Register {
    static let rax: UInt8 = 0
    static let rcx: UInt8 = 1
    static let rsp: UInt8 = 4
    static let rbp: UInt8 = 5

    /// What a called function may change: all but rbx, rsp, rbp and r12 to r15.
    static let clobberedByCalls: UInt64 = 0x0FC7_0000_0FC7

    /// A register in a set: bits 0...15 are the lowest bytes of the general ones, 32...47 the rest of them, 16...31 the
    /// vector ones.
    static func bits(_ register: UInt8) -> UInt64 {
        switch register {
        case 0..<16: 0x1_0000_0001 &<< UInt64(register)
        case 16..<32: 1 &<< UInt64(register)
        default: 0
        }
    }

    /// Capstone's numbers to ours; ``Operand/noRegister`` for those that are not followed.
    static let numbers: [UInt8] = {
        var table = [UInt8](repeating: Operand.noRegister, count: Int(X86_REG_ENDING.rawValue) + 1)
        let general: [[x86_reg]] = [
            [X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH],
            [X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH],
            [X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH],
            [X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH],
            [X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL], [X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL],
            [X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL], [X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL],
            [X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B], [X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B],
            [X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B],
            [X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B],
            [X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B],
            [X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B],
            [X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B],
            [X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B],
        ]
        for (number, names) in general.enumerated() {
            for name in names { table[Int(name.rawValue)] = UInt8(number) }
        }
        for first in [X86_REG_XMM0, X86_REG_YMM0, X86_REG_ZMM0] {
            for number in 0..<16 { table[Int(first.rawValue) + number] = UInt8(16 + number) }
        }
        return table
    }()

    static func isHighByte(_ register: x86_reg) -> Bool {
        [X86_REG_AH, X86_REG_CH, X86_REG_DH, X86_REG_BH].contains(register)
    }
}
