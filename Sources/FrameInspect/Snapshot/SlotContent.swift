/// What a slot holds, field by field, as stored; 0 for fields that the kernel does not have.
struct SlotContent: Hashable, Sendable {
    var next: UInt64 = 0
    var prev: UInt64 = 0
    var vtable: UInt64 = 0
    var flags: UInt64 = 0
    var order: UInt64 = 0
    var refcount: UInt64 = 0
    var generation: UInt64 = 0
    var guardBits: UInt64 = 0
    var aux: UInt64 = 0

    /// A field by its name.
    @inline(__always)
    subscript(field: SlotField) -> UInt64 {
        get {
            switch field {
            case .next: next
            case .prev: prev
            case .vtable: vtable
            case .flags: flags
            case .order: order
            case .refcount: refcount
            case .generation: generation
            case .guard: guardBits
            case .aux: aux
            }
        }
        set {
            switch field {
            case .next: next = newValue
            case .prev: prev = newValue
            case .vtable: vtable = newValue
            case .flags: flags = newValue
            case .order: order = newValue
            case .refcount: refcount = newValue
            case .generation: generation = newValue
            case .guard: guardBits = newValue
            case .aux: aux = newValue
            }
        }
    }
}

extension FrameLayout {
    /// The content of the slot at `slot`, which must have the stride's bytes.
    @inline(__always)
    func content(_ slot: UnsafeRawPointer) -> SlotContent {
        SlotContent(
            next: next.load(slot), prev: prev.load(slot), vtable: vtable.load(slot), flags: flags.load(slot),
            order: order.load(slot), refcount: refcount.load(slot), generation: generation.load(slot),
            guardBits: guardField.load(slot), aux: aux.load(slot))
    }

    /// A content as its fields read.
    func slot(of content: SlotContent) -> MetaSlot {
        MetaSlot(
            freeLink: MetaSlot.FreeLink(
                next: next.isPresent ? content.next : linkNone, prev: prev.isPresent ? content.prev : linkNone),
            vtable: vtable.isPresent ? content.vtable : vtableDefault, flags: content.flags,
            order: UInt8(clamping: content.order), refcount: content.refcount,
            references: content.refcount == refcountUnused || !refcount.isPresent
                ? nil : references(stored: content.refcount),
            generation: generation.isPresent ? content.generation : nil, guardBits: content.guardBits, aux: content.aux)
    }

    /// Whether every value fits its field.
    func holds(_ content: SlotContent) -> Bool {
        let excess =
            (content.next & ~next.mask) | (content.prev & ~prev.mask) | (content.vtable & ~vtable.mask)
            | (content.flags & ~flags.mask) | (content.order & ~order.mask) | (content.refcount & ~refcount.mask)
            | (content.generation & ~generation.mask) | (content.guardBits & ~guardField.mask)
            | (content.aux & ~aux.mask)
        return excess == 0
    }

    /// Whether the frame is handed out; what the allocator withholds or never managed is not.
    func isHandedOut(_ content: SlotContent) -> Bool {
        if allocatedMask != 0 {
            return content.flags & allocatedMask != 0 && content.flags & freeMask == 0
        }
        if freeMask != 0 { return content.flags & freeMask == 0 }
        if let refcountUnused { return content.refcount != refcountUnused }
        return references(stored: content.refcount) != 0
    }

    /// The state that a content gives to `frame`.
    func state(of content: SlotContent, frame: UInt64) -> FrameState {
        let order = UInt64(UInt8(clamping: content.order))
        return verdict(
            StateInput(
                flags: content.flags, order: order, refcount: content.refcount, guardBits: content.guardBits,
                vtable: vtable.isPresent ? content.vtable : vtableDefault,
                isLinked: (next.isPresent && content.next != linkNone) || (prev.isPresent && content.prev != linkNone),
                isHead: FrameLayout.isHead(frame, order: order), wasClaimed: content.generation != 0)
        ).state
    }
}
