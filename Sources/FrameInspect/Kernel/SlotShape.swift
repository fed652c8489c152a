/// What every slot of a frame table looks like, whatever its frame does.
struct SlotShape: Sendable {
    private let layout: FrameLayout
    /// The first address behind RAM.
    private let end: UInt64
    private let flagMask: UInt64
    private let guardMask: UInt64
    /// Bits that belong to no field, by word of the slot.
    private let unused: [UInt64]

    init(layout: FrameLayout, end: UInt64) {
        self.layout = layout
        self.end = end
        // Newer kernels add flags: the bits between the known ones are allowed.
        let known = layout.flagBits.reduce(UInt64(0)) { $0 | $1.mask }
        flagMask = known == 0 ? .max : (.max >> UInt64(known.leadingZeroBitCount)) << 1 | 1
        let knownGuards = layout.guardBits.reduce(UInt64(0)) { $0 | $1.mask }
        guardMask = knownGuards == 0 ? .max : knownGuards
        var words = [UInt64](repeating: .max, count: layout.stride / 8)
        for name in SlotField.allCases where layout[name].isPresent {
            let field = layout[name]
            for byte in field.offset..<(field.offset + field.width) where byte / 8 < words.count {
                words[byte / 8] &= ~(0xFF << UInt64(byte % 8 * 8))
            }
        }
        unused = words
    }

    /// How many slots from `base` on look right, up to `limit`.
    func countOfSlots(_ base: UnsafeRawPointer, limit: Int) -> Int {
        for index in 0..<limit where !holds(base + index * layout.stride) { return index }
        return limit
    }

    private func holds(_ slot: UnsafeRawPointer) -> Bool {
        guard isLink(layout.next.load(slot)), isLink(layout.prev.load(slot)) else { return false }
        guard layout.order.load(slot) <= layout.maxOrder else { return false }
        guard layout.flags.load(slot) & ~flagMask == 0, layout.guardField.load(slot) & ~guardMask == 0 else {
            return false
        }
        let vtable = layout.vtable.load(slot)
        guard !layout.vtable.isPresent || vtable == layout.vtableDefault || vtable >> 47 == 0x1FFFF else {
            return false
        }
        for (index, mask) in unused.enumerated() where mask != 0 {
            if slot.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) & mask != 0 { return false }
        }
        return true
    }

    private func isLink(_ value: UInt64) -> Bool {
        value == layout.linkNone || (value & 0xFFF == 0 && value != 0 && value < end)
    }
}
