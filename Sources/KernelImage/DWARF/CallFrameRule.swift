/// How a caller's registers are found from its callee's, at one instruction of the callee.
///
/// Registers are numbered as DWARF numbers them: on x86-64 3 is rbx, 6 is rbp, 7 is rsp, and 16 the return address.
public struct CallFrameRule: Hashable, Sendable {
    /// Where the caller's value of a register is.
    public enum Recovery: Hashable, Sendable {
        /// It is lost; of the return address: there is no caller.
        case lost
        /// The callee has not changed it.
        case unchanged
        /// In memory, so many bytes from the frame's address.
        case inMemory(Int64)
        /// The frame's address itself, and so many bytes.
        case frameAddress(Int64)
        /// In another register.
        case inRegister(Int)
    }

    /// The register that the frame's address is counted from.
    public var baseRegister: Int
    /// Distance of the frame's address (the stack pointer before the call) from that register, in bytes.
    public var baseOffset: Int64
    /// The number of the return address.
    public var returnAddressRegister: Int
    /// What is known of registers; those that are left out are unchanged.
    public var registers: [Int: Recovery]
    /// The code for which all of it holds, as linked.
    public var range: Range<UInt64>
    /// Whether an interrupt or a signal called the callee: the return address is where it happened, not behind a call.
    public var isInterrupt: Bool

    /// A rule.
    public init(
        baseRegister: Int, baseOffset: Int64, returnAddressRegister: Int = 16, registers: [Int: Recovery],
        range: Range<UInt64>, isInterrupt: Bool = false
    ) {
        self.baseRegister = baseRegister
        self.baseOffset = baseOffset
        self.returnAddressRegister = returnAddressRegister
        self.registers = registers
        self.range = range
        self.isInterrupt = isInterrupt
    }
}
