/// What happened to a frame, judged by its slot before and after.
struct SlotChange {
    private let old: MetaSlot
    private let new: MetaSlot
    private let layout: FrameLayout

    init(from old: MetaSlot, to new: MetaSlot, layout: FrameLayout) {
        self.old = old
        self.new = new
        self.layout = layout
    }

    /// Hands out what happened, in the order in which it must have happened.
    func forEachEvent(_ body: (FrameEvent.Kind, String) -> Void) {
        var isTold = false
        func tell(_ kind: FrameEvent.Kind, _ text: String) {
            isTold = true
            body(kind, text)
        }
        let (wasFree, isFree) = (self.isFree(old), self.isFree(new))
        let (wasUsed, isUsed) = (isAllocated(old), isAllocated(new))
        let isNewLife = new.generation != old.generation
        if wasUsed, isUsed, isNewLife { tell(.freed, "given back, and handed out again before it was looked at") }
        if isFree, !wasFree { tell(.freed, wasUsed ? "given back" : "put under the allocator's care") }
        if isUsed, !wasUsed { tell(.allocated, "handed out\(orderText)") }
        if isFree, wasFree, isNewLife {
            tell(.freed, "handed out and given back before it was looked at")
        }
        if isNewLife, isUsed {
            let times = new.generation.map { " for the \(SlotChange.ordinal($0)) time" } ?? ""
            tell(.claimed, "claimed\(times)\(ownerText)")
        }
        if layout.vtable.isPresent, new.vtable != old.vtable {
            if new.vtable == layout.vtableDefault {
                tell(.hookRemoved, "its vtable \(hexadecimal(old.vtable)) was taken away")
            } else {
                tell(.hookInstalled, "its vtable became \(hexadecimal(new.vtable))")
            }
        }
        if !isNewLife, isUsed, wasUsed, let before = old.references, let now = new.references, before != now {
            tell(now > before ? .shared : .unshared, "its references went from \(before) to \(now)")
        }
        let poison = layout.poisonedMask
        if poison != 0, new.flags & poison != 0, old.flags & poison == 0 { tell(.poisoned, "marked as poisoned") }
        if !isTold { tell(.changed, changes) }
    }

    private func isFree(_ slot: MetaSlot) -> Bool {
        layout.freeMask != 0 && slot.flags & layout.freeMask != 0 && slot.flags & layout.allocatedMask == 0
    }

    private func isAllocated(_ slot: MetaSlot) -> Bool { slot.flags & layout.allocatedMask != 0 }

    private var orderText: String { new.order > 0 ? " in a block of order \(new.order)" : "" }

    private var ownerText: String {
        if new.flags & layout.userMask != 0 { return " for user space" }
        return new.flags & layout.kernelMask != 0 ? " by the kernel" : ""
    }

    /// Which fields are others, for what has no name.
    private var changes: String {
        var parts: [String] = []
        if new.freeLink != old.freeLink { parts.append("its links on the free list") }
        if new.flags != old.flags {
            let names = layout.flagNames(new.flags)
            parts.append("its flags, now \(names.isEmpty ? "none" : names.joined(separator: ", "))")
        }
        if new.order != old.order { parts.append("its order, from \(old.order) to \(new.order)") }
        if new.refcount != old.refcount { parts.append("its refcount") }
        if new.guardBits != old.guardBits { parts.append("its guard") }
        if new.aux != old.aux { parts.append("its notes") }
        return parts.isEmpty ? "bytes that no field covers changed" : parts.joined(separator: " and ") + " changed"
    }

    private static func ordinal(_ number: UInt64) -> String {
        let suffix =
            switch (number % 100, number % 10) {
            case (11...13, _): "th"
            case (_, 1): "st"
            case (_, 2): "nd"
            case (_, 3): "rd"
            default: "th"
            }
        return "\(number)\(suffix)"
    }
}
