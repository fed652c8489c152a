/// One line of a dump.
///
/// Fields that the kernel does not have are nil throughout.
struct FrameRow: Sendable, Equatable {
    /// Physical address.
    var address: UInt64
    /// Frames that the line stands for: 1, or those of the block with `--blocks`.
    var frames: UInt64 = 1
    /// Name of the state.
    var state: String
    var colour: KindColour?
    var flags: UInt64
    /// One letter per flag, `_` where it is not set.
    var letters: String
    var order: UInt8?
    /// References; nil for the kernel's mark for unused.
    var refcount: UInt64?
    var generation: UInt64?
    var guardBits: UInt64?
    /// Virtual address of the vtable, 0 for the default.
    var vtable: UInt64?
    /// Links of the free list; nil for none.
    var next: UInt64?
    var previous: UInt64?
    /// Whether the slot changed between the two reads of a live guest.
    var moved = false
}
