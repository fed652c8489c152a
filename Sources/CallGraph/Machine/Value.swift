/// What is known of a register or of a word on the stack.
struct Value: Hashable {
    enum Kind: UInt8 {
        case unknown
        /// `number` is the value.
        case constant
        /// At most `number`; `identity` tells copies of one value from other values.
        case bounded
        /// The stack pointer at the function's entry plus `number`.
        case stack
        /// The flags as `pushf` saved them, in this function.
        case savedFlags
        /// Saved flags, shifted so that the interrupt flag is bit 0.
        case shiftedFlags
        /// Not zero if and only if interrupts were enabled when the flags were saved.
        case interruptBit
        /// The same, of the lowest byte alone.
        case interruptByte
        /// An element of a table; `number` says which.
        case element
        /// What the caller left as the return address.
        case returnAddress
    }

    var kind: Kind = .unknown
    /// Whether the bound is one that code checks, rather than the width of the register.
    var isChecked = false
    var number: UInt64 = 0
    var identity: UInt64 = 0

    static let unknown = Value()

    static func constant(_ number: UInt64) -> Value { Value(kind: .constant, number: number) }
    static func stack(_ offset: UInt64) -> Value { Value(kind: .stack, number: offset) }

    /// What holds for both.
    func merged(with other: Value) -> Value {
        if self == other { return self }
        guard kind == .bounded, other.kind == .bounded, identity == other.identity else { return .unknown }
        var result = self
        result.number = max(number, other.number)
        result.isChecked = isChecked && other.isChecked
        return result
    }
}

/// An element of a table at a fixed address, chosen by an index: where jump tables' targets come from.
struct TableElement: Hashable {
    /// Address of element 0.
    var base: UInt64
    /// Bytes of an element, and between elements.
    var width: UInt8
    /// Whether elements are signed.
    var isSigned: Bool
    /// What is added to an element.
    var addend: UInt64 = 0
    /// The largest index.
    var last: UInt64
    /// Whether code checks the index.
    var isChecked: Bool
}
