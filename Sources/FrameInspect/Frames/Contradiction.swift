/// Which fields of a slot contradict each other.
public enum Contradiction: UInt8, Hashable, Sendable, CaseIterable {
    /// Both free and allocated.
    case freeAndAllocated
    /// Neither free nor allocated, but other flags are set.
    case noAllocatorFlag
    /// No flags at all, but references, links, claims, a guard or a vtable.
    case unmanagedInUse
    /// Free, but claimed for somebody.
    case freeAndClaimed
    /// Free, but the refcount is not the mark for unused.
    case freeCounted
    /// Free, but a vtable of its own.
    case freeWithVtable
    /// Free, but a guard other than poison.
    case freeWithGuard
    /// Free and linked, but not where a block of its order can begin.
    case misaligned
    /// The order is larger than any block.
    case orderTooLarge
    /// Claimed for the kernel and for user space.
    case kernelAndUser
    /// Claimed, but the refcount says unused.
    case claimedUncounted
    /// References, but claimed for nobody.
    case countedUnclaimed
    /// Poison in the flags or in the guard only.
    case poisonHalfSet
    /// Poisoned, but on a free list.
    case poisonedListed

    /// Stable name, as in JSON.
    public var name: String {
        switch self {
        case .freeAndAllocated: "free-and-allocated"
        case .noAllocatorFlag: "no-allocator-flag"
        case .unmanagedInUse: "unmanaged-in-use"
        case .freeAndClaimed: "free-and-claimed"
        case .freeCounted: "free-counted"
        case .freeWithVtable: "free-with-vtable"
        case .freeWithGuard: "free-with-guard"
        case .misaligned: "misaligned"
        case .orderTooLarge: "order-too-large"
        case .kernelAndUser: "kernel-and-user"
        case .claimedUncounted: "claimed-uncounted"
        case .countedUnclaimed: "counted-unclaimed"
        case .poisonHalfSet: "poison-half-set"
        case .poisonedListed: "poisoned-listed"
        }
    }

    /// What contradicts what, in a sentence without a full stop.
    public var text: String {
        switch self {
        case .freeAndAllocated: "the flags say free and allocated at once"
        case .noAllocatorFlag: "flags are set, but neither the one for free nor the one for allocated"
        case .unmanagedInUse: "no flags are set, but references, links, a claim, a guard or a vtable are"
        case .freeAndClaimed: "the flags say free and claimed at once"
        case .freeCounted: "free, but the refcount is not the mark for unused"
        case .freeWithVtable: "free, but a vtable is set"
        case .freeWithGuard: "free, but guard bits are set"
        case .misaligned: "on a free list, but no block of this order can begin here"
        case .orderTooLarge: "the order is larger than the kernel's largest block"
        case .kernelAndUser: "the flags say claimed by the kernel and for user space at once"
        case .claimedUncounted: "claimed, but the refcount says unused"
        case .countedUnclaimed: "references are counted, but nobody claimed the frame"
        case .poisonHalfSet: "poison is marked in only one of flags and guard"
        case .poisonedListed: "poisoned, but on a free list"
        }
    }
}

/// A frame's state, and what is wrong where something is.
public struct FrameVerdict: Hashable, Sendable {
    /// The state.
    public var state: FrameState
    /// What contradicts what; nil unless the state is `.inconsistent`.
    public var contradiction: Contradiction?

    /// A state that its slot bears out.
    public init(_ state: FrameState) { self.state = state }

    /// A slot that contradicts itself.
    public init(_ contradiction: Contradiction) {
        state = .inconsistent
        self.contradiction = contradiction
    }

    /// The state in words, with the contradiction where there is one.
    public var text: String { contradiction.map { "inconsistent: \($0.text)" } ?? state.text }
}
