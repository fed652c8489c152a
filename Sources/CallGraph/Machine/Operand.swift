/// An operand of an instruction, as far as proofs look at it.
struct Operand {
    enum Kind: UInt8 {
        case none
        case register
        case immediate
        case memory
    }

    /// Stands for no register, and for those that are not followed.
    static let noRegister: UInt8 = 255

    var kind: Kind = .none
    /// Width in bytes.
    var size: UInt8 = 0
    /// Number of the register, or of the base of an address.
    var register: UInt8 = noRegister
    /// Number of the index of an address.
    var index: UInt8 = noRegister
    var scale: UInt8 = 1
    /// Whether the register is one of AH, CH, DH and BH.
    var isHighByte = false
    /// Whether the address is relative to a segment's base, or depends on a register that is not followed.
    var isOpaque = false
    var isRead = false
    var isWritten = false
    /// The immediate value, or the displacement; relative addresses are already resolved.
    var value: UInt64 = 0

    /// Whether it is a whole register, or a half whose upper half becomes zero.
    var isWideRegister: Bool { kind == .register && size >= 4 && register < 16 }
}
