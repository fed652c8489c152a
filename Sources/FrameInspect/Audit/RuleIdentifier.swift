/// The catalogue of findings: what the audit looks for.
public enum RuleIdentifier: String, Sendable, Codable, CaseIterable, Comparable {
    case vtableMisaligned = "vtable-misaligned"
    case vtableUnmapped = "vtable-unmapped"
    case vtableWritable = "vtable-writable"
    case vtableDangling = "vtable-dangling"
    case vtableOnFreeFrame = "vtable-on-free-frame"
    case vtableReservedNonzero = "vtable-reserved-nonzero"
    case vtableEmpty = "vtable-empty"
    case vtableSymbolMismatch = "vtable-symbol-mismatch"

    case hookNotExecutable = "hook-not-executable"
    case hookNotFunction = "hook-not-function"
    case hookDead = "hook-dead"
    case hookPartial = "hook-partial"
    case hookAllocates = "hook-allocates"
    case hookLocks = "hook-locks"
    case hookPanics = "hook-panics"
    case hookEnablesIRQs = "hook-enables-irqs"
    case hookBlocks = "hook-blocks"
    case hookUnproven = "hook-unproven"

    case hookIRQsEnabled = "hook-irqs-enabled"
    case hookLockHeld = "hook-lock-held"
    case hookCalledTwice = "hook-called-twice"
    case hookNotCalled = "hook-not-called"
    case hookWrongOrder = "hook-wrong-order"
    case hookReentered = "hook-reentered"

    case pinOrphaned = "pin-orphaned"
    case pinStale = "pin-stale"
    case referenceMismatch = "reference-mismatch"
    case referenceUnowned = "reference-unowned"
    case capabilityUnmapped = "capability-unmapped"
    case mappingOfFreeFrame = "mapping-of-free-frame"
    case mappingExceedsReferences = "mapping-exceeds-references"

    case freelistCycle = "freelist-cycle"
    case freelistBrokenLink = "freelist-broken-link"
    case freelistWrongState = "freelist-wrong-state"
    case freeUnlisted = "free-unlisted"
    case orderMisaligned = "order-misaligned"
    case blockOverlap = "block-overlap"
    case poisonHalfSet = "poison-half-set"
    case poisonRecycled = "poison-recycled"
    case quarantineCountMismatch = "quarantine-count-mismatch"
    case flagsContradict = "flags-contradict"
    case sentinelBroken = "sentinel-broken"

    /// In the order of the catalogue.
    public static func < (first: RuleIdentifier, second: RuleIdentifier) -> Bool { first.position < second.position }

    private var position: Int { RuleIdentifier.allCases.firstIndex(of: self) ?? 0 }

    /// How bad it is.
    public var severity: Severity {
        switch self {
        case .vtableEmpty, .hookUnproven: .note
        case .vtableReservedNonzero, .vtableSymbolMismatch, .hookDead, .hookPartial, .pinStale, .capabilityUnmapped:
            .warning
        default: .error
        }
    }

    /// Whether only a trace of the running guest can find it; an audit cannot.
    public var isTraced: Bool {
        switch self {
        case .hookIRQsEnabled, .hookLockHeld, .hookCalledTwice, .hookNotCalled, .hookWrongOrder, .hookReentered: true
        default: false
        }
    }

    /// Whether one look is enough: it rests on constants, code, and pointers that are written at once.
    ///
    /// Others are findings only if they are the same in every sample, since a kernel that runs changes several places one
    /// after the other.
    var isSureAtOnce: Bool {
        switch self {
        case .vtableMisaligned, .vtableUnmapped, .vtableWritable, .vtableReservedNonzero, .vtableEmpty,
            .vtableSymbolMismatch, .hookNotExecutable, .hookNotFunction, .hookAllocates, .hookLocks, .hookPanics,
            .hookEnablesIRQs, .hookBlocks, .hookUnproven:
            true
        default: false
        }
    }

    /// Whether it is a matter of time: a single moment cannot show it.
    var needsTime: Bool { self == .pinOrphaned || self == .pinStale }

    /// What it is, in a few words.
    public var summary: String {
        switch self {
        case .vtableMisaligned: "a vtable pointer is misaligned: the kernel silently uses the default instead"
        case .vtableUnmapped: "a vtable pointer leads to memory that is not mapped"
        case .vtableWritable: "a vtable lies in memory that the kernel may write"
        case .vtableDangling: "a vtable lies in a frame that is free"
        case .vtableOnFreeFrame: "a free frame has a vtable"
        case .vtableReservedNonzero: "reserved words of a vtable are not zero"
        case .vtableEmpty: "a vtable of its own without any hook"
        case .vtableSymbolMismatch: "a vtable pointer leads into the middle of a symbol"
        case .hookNotExecutable: "a hook leads to memory that cannot be executed"
        case .hookNotFunction: "a hook does not lead to the beginning of a function"
        case .hookDead: "a hook that can never run: on_last_ref on a page that is not its block's head"
        case .hookPartial: "some pages of a block have on_unmap and others do not"
        case .hookAllocates: "a hook can allocate or free memory"
        case .hookLocks: "a hook can take a lock"
        case .hookPanics: "a hook can panic"
        case .hookEnablesIRQs: "a hook can enable interrupts"
        case .hookBlocks: "a hook can halt or spin without end"
        case .hookUnproven: "a hook could not be proved to keep its contract"
        case .hookIRQsEnabled: "a hook ran with interrupts enabled"
        case .hookLockHeld: "a hook ran with a lock held that it must not meet"
        case .hookCalledTwice: "a hook was called twice for one release"
        case .hookNotCalled: "a hook was not called at a release"
        case .hookWrongOrder: "hooks were called in the wrong order"
        case .hookReentered: "a hook was entered again before it returned"
        case .pinOrphaned: "a pin keeps a block alive that no capability holds"
        case .pinStale: "a pin on a block with capabilities does not go away"
        case .referenceMismatch: "the counts of a block's references disagree"
        case .referenceUnowned: "a user frame is referenced, but nobody knows it"
        case .capabilityUnmapped: "a capability holds a user block that is mapped nowhere"
        case .mappingOfFreeFrame: "a page table maps a frame that is free"
        case .mappingExceedsReferences: "a frame is mapped more often than it is referenced"
        case .freelistCycle: "a free list runs in a circle"
        case .freelistBrokenLink: "two neighbours on a free list do not agree"
        case .freelistWrongState: "a free list has a block that does not belong there"
        case .freeUnlisted: "a free block is on no free list and in no cache"
        case .orderMisaligned: "a block begins where none of its order can"
        case .blockOverlap: "two blocks overlap"
        case .poisonHalfSet: "poison is marked in only one of flags and guard"
        case .poisonRecycled: "a poisoned frame is on a free list"
        case .quarantineCountMismatch: "the number of quarantined pages is not what the kernel counts"
        case .flagsContradict: "the flags of a frame contradict each other"
        case .sentinelBroken: "a free frame does not carry the marks of a free one"
        }
    }
}
