/// One decoded slot of the frame table.
///
/// Fields that a kernel does not have read as their neutral value: no link, the default vtable, order 0, nothing set.
public struct MetaSlot: Hashable, Sendable {
    /// The neighbours on a free list.
    public struct FreeLink: Hashable, Sendable {
        /// Physical address of the next free block, or the layout's `linkNone`.
        public var next: UInt64
        /// Physical address of the previous free block, or the layout's `linkNone`.
        public var prev: UInt64

        /// Both neighbours.
        public init(next: UInt64, prev: UInt64) {
            self.next = next
            self.prev = prev
        }
    }

    /// The neighbours on a free list.
    public var freeLink: FreeLink
    /// Virtual address of the vtable, or the layout's `vtableDefault`.
    public var vtable: UInt64
    /// Flag bits; the layout names them.
    public var flags: UInt64
    /// Buddy order of the block; values past 255 read as 255.
    public var order: UInt8
    /// References as stored.
    public var refcount: UInt64
    /// References; nil where the kernel's mark for "unused" is stored or nothing is counted at all.
    public var references: UInt64?
    /// Number of successful claims; nil where the kernel does not count them.
    public var generation: UInt64?
    /// Guard bits; the layout names them.
    public var guardBits: UInt64
    /// Whatever else the kernel notes.
    public var aux: UInt64

    /// A slot with the given contents.
    public init(
        freeLink: FreeLink, vtable: UInt64 = 0, flags: UInt64, order: UInt8 = 0, refcount: UInt64, references: UInt64?,
        generation: UInt64? = nil, guardBits: UInt64 = 0, aux: UInt64 = 0
    ) {
        self.freeLink = freeLink
        self.vtable = vtable
        self.flags = flags
        self.order = order
        self.refcount = refcount
        self.references = references
        self.generation = generation
        self.guardBits = guardBits
        self.aux = aux
    }
}
