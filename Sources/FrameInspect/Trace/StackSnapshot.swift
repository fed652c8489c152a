/// A processor's registers and a piece of its stack at one moment.
struct StackSnapshot: Hashable, Sendable {
    /// Registers by DWARF's numbers; 16 is the place in the code.
    var registers: [Int: UInt64]
    /// Where `bytes` begin.
    var base: UInt64
    /// The stack from there upwards.
    var bytes: [UInt8]

    /// DWARF's number of the stack pointer, the frame pointer and the place in the code.
    static let stackPointer = 7
    static let framePointer = 6
    static let programCounter = 16

    /// The word at an address; nil outside the piece.
    func word(at address: UInt64) -> UInt64? {
        let (offset, isBelow) = address.subtractingReportingOverflow(base)
        guard !isBelow, offset <= UInt64(bytes.count), UInt64(bytes.count) &- offset >= 8 else { return nil }
        return bytes.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: Int(offset), as: UInt64.self))
        }
    }
}
