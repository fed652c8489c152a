/// What the kernel's slot type is called, how large a slot is, and where its fields are.
public struct SlotProfile: Hashable, Sendable, Codable {
    /// Path of the type in the kernel's debug information, without the crate.
    public var type: String
    /// Bytes from one slot to the next, where debug information does not say.
    public var stride: Int
    /// Whether `stride` holds even where debug information gives the type another size.
    public var fixedStride: Bool?
    /// The fields; those left out do not exist in this kernel.
    public var fields: Fields

    /// The fields of a slot.
    public struct Fields: Hashable, Sendable, Codable {
        /// Physical address of the next free block.
        public var next: FieldProfile?
        /// Physical address of the previous free block.
        public var prev: FieldProfile?
        /// Virtual address of the frame's vtable.
        public var vtable: FieldProfile?
        /// Flag bits.
        public var flags: FieldProfile?
        /// Buddy order of the block.
        public var order: FieldProfile?
        /// References.
        public var refcount: FieldProfile?
        /// Number of successful claims.
        public var generation: FieldProfile?
        /// Guard bits.
        public var `guard`: FieldProfile?
        /// Whatever else the kernel notes.
        public var aux: FieldProfile?
    }

    /// Where a field is, or nil where this kernel does not have it.
    public subscript(field: SlotField) -> FieldProfile? {
        switch field {
        case .next: fields.next
        case .prev: fields.prev
        case .vtable: fields.vtable
        case .flags: fields.flags
        case .order: fields.order
        case .refcount: fields.refcount
        case .generation: fields.generation
        case .guard: fields.guard
        case .aux: fields.aux
        }
    }
}

/// One field: its name in debug information, and where it is when there is none.
public struct FieldProfile: Hashable, Sendable, Codable {
    /// Path of members from the type, for example `free_link.next`.
    public var member: String
    /// Offset in bytes, where debug information does not say.
    public var offset: Int
    /// Size in bytes: 1, 2, 4 or 8, where debug information does not say.
    public var width: Int
    /// Number of the lowest bit, for a field that shares its word; nil for 0.
    public var shift: Int?
    /// Number of bits, for a field that shares its word; nil for all above `shift`.
    public var bits: Int?

    /// A field that has `width` bytes for itself.
    public init(member: String, offset: Int, width: Int, shift: Int? = nil, bits: Int? = nil) {
        self.member = member
        self.offset = offset
        self.width = width
        self.shift = shift
        self.bits = bits
    }
}
