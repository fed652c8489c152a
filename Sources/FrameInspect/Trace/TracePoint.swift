/// What it means when a processor comes to an address.
struct TracePoint: Sendable {
    /// A function of the profile.
    struct Function: Hashable, Sendable {
        /// What it does.
        enum Part: String, Hashable, Sendable, CaseIterable { case release, free, pin, unpin }

        var part: Part
        var place: CodePlace
        /// DWARF's number of the register that holds the block's address at the function's first instruction.
        var register: Int
    }

    /// The hook that begins there.
    var hook: HookPoint?
    /// The function that begins there.
    var function: Function?
    /// Whether hooks return to it.
    var isReturn = false
    /// How many running hooks must not come there.
    var forbidding = 0

    /// Whether a breakpoint must stand there.
    var isNeeded: Bool { hook != nil || function != nil || isReturn || forbidding > 0 }
}
