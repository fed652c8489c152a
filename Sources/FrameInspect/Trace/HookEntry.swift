internal import GuestMemory

/// A hook was entered.
struct HookEntry: Hashable, Sendable {
    /// The hook.
    var hook: HookPoint
    /// What it was called for: the roles that the frame's vtable names it for, or all that any vtable does.
    var roles: Set<HookRole>
    /// The page that it was called for.
    var frame: FrameNumber
    /// The page's block: the page itself where its slot says nothing better.
    var head: FrameNumber
    /// How often the block's head was claimed; nil where the kernel does not count it.
    var generation: UInt64?
    /// Whether the page's slot says that the allocator has it back.
    var isFree: Bool
    /// The locks that were held.
    var locks: [HeldLock]
    /// Stack pointer at its first instruction: there lies the return address.
    var stackPointer: UInt64
    /// Where it returns to.
    var returnAddress: UInt64?
    /// Where and when.
    var context: TraceContext
}
