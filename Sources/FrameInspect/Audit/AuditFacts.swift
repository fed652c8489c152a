public import CallGraph
public import GuestMemory

/// Everything that the rules look at: one sample of a guest.
public struct AuditFacts: Sendable {
    /// A vtable that slots name.
    public struct Vtable: Sendable {
        /// What it is.
        public var description: VtableDescription
        /// The frames whose slots name it.
        public var frames: [FrameRange]
        /// Where it lies; nil where it is not mapped.
        public var physical: PhysicalAddress?
        /// Whether the frame that it lies in is free, as its slot says.
        public var isInFreeFrame = false
    }

    /// Names of flags and states, and where fields are.
    public let layout: FrameLayout
    /// The slots.
    public let slots: SlotView
    /// What one pass over the slots found.
    let survey: SlotSurvey
    /// The vtables other than the default, by address.
    public let vtables: [Vtable]
    /// What the hooks can reach, by their address; those that are no code are missing.
    public let proofs: [UInt64: HookProof]
    /// Why hooks were not proved; nil where they were.
    public let proofObstacle: String?
    /// Whether the image has symbols.
    public let knowsSymbols: Bool
    /// The kernel's own structures.
    public let books: KernelBooks
    /// The free lists, walked through the slots.
    public let freeLists: Reading<FreeListWalk>
    /// The kernel's default vtable; nil where its place is not known.
    public let defaultVtable: UInt64?
    /// Where the kernel counts quarantined pages; nil where that is not known.
    public let quarantineAddress: VirtualAddress?
    /// Whether all of it is of the same moment.
    public let isOfOneMoment: Bool

    /// Frames in per-CPU caches.
    var cachedFrames: Reading<Set<UInt64>> { Reading(books.allocator.books.cached, books.allocator.cacheStatus) }

    /// A free list in words.
    func name(of head: FreeListHead) -> String { head.text(zones: books.allocator.zones.names) }
}

extension Reading {
    /// What was read, for rules that need it; says why where it is of no use, and that it may be half changed.
    func usable(_ rules: [RuleIdentifier], _ what: String, _ collector: inout AuditCollector) -> Value? {
        switch status {
        case .complete: return value
        case .midChange(let reason):
            collector.skip(rules, .midChange("\(what): \(reason)"))
            return value
        case .damaged(let reason, _), .notInitialised(let reason), .notKnown(let reason):
            collector.skip(rules, .notRun("\(what): \(reason)"))
            return nil
        }
    }
}
