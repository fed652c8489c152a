/// One named bit of a slot's flags or guard word.
public struct FlagBit: Hashable, Sendable, Codable {
    /// The kernel's name, as in `flags.USER`.
    public var name: String
    /// Number of the bit, 0 being the lowest.
    public var bit: Int
    /// One character that stands for the bit in narrow tables.
    public var letter: String
    /// What a set bit says, in a few words.
    public var text: String
    /// What the bit means for the state of a frame; nil where the state does not depend on it.
    public var role: Role?

    /// What states depend on.
    public enum Role: String, Hashable, Sendable, Codable, CaseIterable {
        /// The allocator handed the frame out.
        case allocated
        /// The allocator owns the frame.
        case free
        /// Claimed by the kernel.
        case kernel
        /// Claimed for user space.
        case user
        /// The frame's contents must not be trusted; it is withheld once freed.
        case poisoned
    }

    /// A named bit.
    public init(name: String, bit: Int, letter: String, text: String, role: Role? = nil) {
        self.name = name
        self.bit = bit
        self.letter = letter
        self.text = text
        self.role = role
    }

    /// The bit's value in its word; 0 for a number outside 0...63.
    public var mask: UInt64 { (0..<64).contains(bit) ? 1 &<< UInt64(bit) : 0 }
}
