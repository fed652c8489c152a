/// What a hook must not do.
public enum SinkKind: String, Hashable, Sendable, Codable, CaseIterable, Comparable {
    /// Enters an allocator: takes memory from it or gives memory back.
    case allocation
    /// Takes a lock.
    case lock
    /// Panics, or runs into an instruction that only a failed check leads to.
    case panic
    /// May let interrupts in.
    case interrupts
    /// Waits without a bound.
    case blocking

    /// The order of the cases.
    public static func < (left: SinkKind, right: SinkKind) -> Bool { left.rank < right.rank }

    private var rank: Int { SinkKind.allCases.firstIndex(of: self) ?? 0 }
}
