public import GuestMemory

extension FrameLayout {
    /// What the state of a frame depends on: the slot's fields boiled down to what matters.
    struct StateInput {
        var flags: UInt64
        var order: UInt64
        /// References as stored.
        var refcount: UInt64
        var guardBits: UInt64
        var vtable: UInt64
        /// Whether one of the links is set.
        var isLinked: Bool
        /// Whether a block of this order can begin here.
        var isHead: Bool
        /// Whether the frame was claimed before.
        var wasClaimed: Bool
    }

    /// The state that `slot` gives to `frame`.
    public func verdict(of slot: MetaSlot, frame: FrameNumber) -> FrameVerdict {
        verdict(
            StateInput(
                flags: slot.flags, order: UInt64(slot.order), refcount: slot.refcount, guardBits: slot.guardBits,
                vtable: slot.vtable,
                isLinked: slot.freeLink.next != linkNone || slot.freeLink.prev != linkNone,
                isHead: FrameLayout.isHead(frame.rawValue, order: UInt64(slot.order)),
                wasClaimed: slot.generation ?? 0 != 0))
    }

    /// The state of the frame whose slot is at `slot`, which must have the stride's bytes.
    func verdict(_ slot: UnsafeRawPointer, frame: UInt64) -> FrameVerdict {
        let order = UInt64(UInt8(clamping: order.load(slot)))
        return verdict(
            StateInput(
                flags: flags.load(slot), order: order, refcount: refcount.load(slot), guardBits: guardField.load(slot),
                vtable: vtable.isPresent ? vtable.load(slot) : vtableDefault,
                isLinked: (next.isPresent && next.load(slot) != linkNone)
                    || (prev.isPresent && prev.load(slot) != linkNone),
                isHead: FrameLayout.isHead(frame, order: order),
                wasClaimed: generation.load(slot) != 0))
    }

    /// Whether a block of `order` can begin at `frame`.
    static func isHead(_ frame: UInt64, order: UInt64) -> Bool {
        order == 0 || (order < 64 && frame & ((1 &<< order) &- 1) == 0)
    }

    func verdict(_ input: StateInput) -> FrameVerdict {
        guard allocatedMask | freeMask != 0 else { return verdictByReferences(input) }
        let isFree = input.flags & freeMask != 0
        let isAllocated = input.flags & allocatedMask != 0
        let isPoisoned = input.flags & poisonedMask != 0
        let unused = refcountUnused.map { $0 == input.refcount }
        if isFree, isAllocated { return FrameVerdict(.freeAndAllocated) }
        if guardPoisonedMask != 0, poisonedMask != 0, isPoisoned != (input.guardBits & guardPoisonedMask != 0) {
            return FrameVerdict(.poisonHalfSet)
        }
        // Without a flag for free, what is not allocated is free or was never managed: the slot cannot tell.
        if !isFree, !isAllocated { return isPoisoned ? FrameVerdict(.poisoned) : unmanaged(input, unused: unused) }
        if input.order > maxOrder { return FrameVerdict(.orderTooLarge) }
        return isFree
            ? free(input, isPoisoned: isPoisoned, unused: unused)
            : allocated(input, isPoisoned: isPoisoned, unused: unused)
    }

    private func unmanaged(_ input: StateInput, unused: Bool?) -> FrameVerdict {
        if input.flags != 0 { return FrameVerdict(.noAllocatorFlag) }
        let isCounted = refcount.isPresent && unused != true && references(stored: input.refcount) != 0
        if isCounted || input.isLinked || input.wasClaimed || input.guardBits != 0 || input.vtable != vtableDefault {
            return FrameVerdict(.unmanagedInUse)
        }
        return FrameVerdict(.unmanaged)
    }

    private func free(_ input: StateInput, isPoisoned: Bool, unused: Bool?) -> FrameVerdict {
        if isPoisoned {
            // Withheld as it was when it was freed: the other fields may be stale.
            return input.isLinked ? FrameVerdict(.poisonedListed) : FrameVerdict(.quarantined)
        }
        if input.flags & (kernelMask | userMask) != 0 { return FrameVerdict(.freeAndClaimed) }
        if unused == false { return FrameVerdict(.freeCounted) }
        if input.vtable != vtableDefault { return FrameVerdict(.freeWithVtable) }
        if input.guardBits != 0 { return FrameVerdict(.freeWithGuard) }
        if input.isHead { return FrameVerdict(input.isLinked ? .freeListed : .freeUnlinked) }
        return input.isLinked ? FrameVerdict(.misaligned) : FrameVerdict(.freeInterior)
    }

    private func allocated(_ input: StateInput, isPoisoned: Bool, unused: Bool?) -> FrameVerdict {
        let isReleased = refcount.isPresent && unused != true && references(stored: input.refcount) == 0
        if isPoisoned { return FrameVerdict(input.isHead && isReleased ? .quarantined : .poisoned) }
        let owners = kernelMask | userMask
        let isKernel = input.flags & kernelMask != 0
        let isUser = input.flags & userMask != 0
        if isKernel, isUser { return FrameVerdict(.kernelAndUser) }
        if !input.isHead { return FrameVerdict(.blockPage) }
        if isReleased { return FrameVerdict(.releasing) }
        if owners == 0 { return FrameVerdict(unused == true ? .raw : .claimed) }
        if isKernel || isUser {
            return unused == true
                ? FrameVerdict(.claimedUncounted) : FrameVerdict(isKernel ? .claimedKernel : .claimedUser)
        }
        return unused == false ? FrameVerdict(.countedUnclaimed) : FrameVerdict(.raw)
    }

    /// For kernels whose flags do not say who owns a frame: the refcount is all there is.
    private func verdictByReferences(_ input: StateInput) -> FrameVerdict {
        if input.order > maxOrder { return FrameVerdict(.orderTooLarge) }
        let isPoisoned = input.flags & poisonedMask != 0 || input.guardBits & guardPoisonedMask != 0
        let isFree =
            refcountUnused.map { $0 == input.refcount }
            ?? (refcount.isPresent && references(stored: input.refcount) == 0)
        if isFree { return free(input, isPoisoned: isPoisoned, unused: nil) }
        if isPoisoned { return FrameVerdict(.poisoned) }
        if !input.isHead { return FrameVerdict(.blockPage) }
        if refcountUnused != nil, references(stored: input.refcount) == 0 { return FrameVerdict(.releasing) }
        if input.flags & kernelMask != 0 { return FrameVerdict(.claimedKernel) }
        return FrameVerdict(input.flags & userMask != 0 ? .claimedUser : .claimed)
    }
}
