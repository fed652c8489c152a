public import GuestMemory

/// A call of a hook, from its first instruction to its return.
public struct HookCall: Hashable, Sendable {
    /// How it ended.
    public enum Ending: String, Hashable, Sendable {
        /// It returned.
        case returned
        /// The trace ended first.
        case unfinished
        /// Its return was not seen: the stack was left another way, by a panic for one.
        case abandoned
    }

    /// The number of the call in this trace, from 1.
    public var number: Int
    /// The hook.
    public var hook: CodePlace
    /// What it was called for.
    public var roles: [HookRole]
    /// The page that it was called for.
    public var frame: FrameNumber
    /// The first page of the block that the page belongs to.
    public var head: FrameNumber
    /// How often the block's head was claimed; nil where the kernel does not count it.
    public var generation: UInt64?
    /// Whether interrupts were enabled at its first instruction.
    public var interruptsEnabled: Bool
    /// The known locks that were held at its first instruction.
    public var locks: [HeldLock]
    /// How many hooks were running on this vCPU already.
    public var depth: Int
    /// Whether another hook jumped to it instead of calling it, so that both share one return.
    public var isTailCall: Bool
    /// How it ended.
    public var ending: Ending
    /// Guest instructions from its first to its return; nil where QEMU does not count them.
    public var instructions: UInt64?
    /// The time that passed on the host while the guest ran between the two, in seconds; nil where the return was not seen.
    public var hostSeconds: Double?
    /// Where and when it was entered.
    public var context: TraceContext
}
