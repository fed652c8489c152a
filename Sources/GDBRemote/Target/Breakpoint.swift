/// A place at which a stub stops its target.
public struct Breakpoint: Hashable, Sendable, CustomStringConvertible {
    /// What stops the target.
    public enum Kind: Int, Hashable, Sendable, CaseIterable {
        /// Executing an instruction; the stub may patch the target's memory for it (QEMU does not).
        case software = 0
        /// Executing an instruction, watched by the processor.
        case hardware = 1
        /// Writing to memory.
        case write = 2
        /// Reading memory.
        case read = 3
        /// Reading or writing memory.
        case access = 4
    }

    /// What stops the target.
    public var kind: Kind
    /// The virtual address.
    public var address: UInt64
    /// Bytes that are watched; for an instruction what the architecture prescribes, 1 on x86.
    public var length: UInt64

    /// A place at which to stop.
    public init(_ kind: Kind, at address: UInt64, length: UInt64 = 1) {
        self.kind = kind
        self.address = address
        self.length = length
    }

    /// What it is and where, in words.
    public var description: String {
        let place = "0x" + HexText.text(address)
        return switch kind {
        case .software: "a breakpoint at \(place)"
        case .hardware: "a hardware breakpoint at \(place)"
        case .write: "a watchpoint for writes to \(length) bytes at \(place)"
        case .read: "a watchpoint for reads of \(length) bytes at \(place)"
        case .access: "a watchpoint on \(length) bytes at \(place)"
        }
    }
}
