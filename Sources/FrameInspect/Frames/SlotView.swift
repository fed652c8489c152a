public import GuestMemory

/// Random access to the slots of a copy of the frame table, O(1) and without a copy of its own.
public struct SlotView: Sendable {
    private let copy: TableCopy
    /// What a slot looks like.
    public let layout: FrameLayout
    /// Where the table lies in the guest.
    public let placement: TablePlacement
    /// The slots that were copied.
    public let slots: Range<UInt64>

    init(copy: TableCopy, layout: FrameLayout, placement: TablePlacement, slots: Range<UInt64>) {
        self.copy = copy
        self.layout = layout
        self.placement = placement
        self.slots = slots
    }

    /// Number of slots that were copied.
    public var count: Int { slots.count }

    /// The row of a frame in the copy; nil where the copy has no slot for it.
    func row(of frame: FrameNumber) -> Int? {
        guard let index = layout.index(of: frame), slots.contains(index) else { return nil }
        return Int(index &- slots.lowerBound)
    }

    /// A field of a row, which must be inside.
    @inline(__always)
    func load(_ field: FieldLayout, _ row: Int) -> UInt64 {
        copy.withSlots { field.load($0 + row * layout.stride) }
    }

    /// Lends the bytes of a frame's slot; nil where the copy has none for it.
    @inline(__always)
    public func withSlot<Result>(of frame: UInt64, _ body: (UnsafeRawPointer) -> Result) -> Result? {
        guard frame >= layout.indexBase else { return nil }
        let index = frame &- layout.indexBase
        guard index >= slots.lowerBound, index < slots.upperBound else { return nil }
        return copy.withSlots { body($0 + Int(index &- slots.lowerBound) * layout.stride) }
    }

    /// Lends neighbouring slots, which must have been copied.
    func withSlots<Result>(_ range: Range<UInt64>, _ body: (UnsafeRawPointer) -> Result) -> Result {
        copy.withSlots { body($0 + Int(range.lowerBound &- slots.lowerBound) * layout.stride) }
    }

    /// The decoded slot of a frame; nil where the copy has none for it.
    public subscript(frame: FrameNumber) -> MetaSlot? { withSlot(of: frame.rawValue) { layout.decode($0) } }

    /// The frame's state as its slot tells it; nil where the copy has no slot for it.
    public func verdict(of frame: FrameNumber) -> FrameVerdict? {
        withSlot(of: frame.rawValue) { layout.verdict($0, frame: frame.rawValue) }
    }

    /// Whether the frame's flags say that it is free and not that it is allocated.
    ///
    /// False where there is no slot, and for kernels whose flags do not tell.
    @inline(__always)
    func isFree(_ frame: UInt64) -> Bool {
        withSlot(of: frame) { slot in
            let flags = layout.flags.load(slot)
            return flags & layout.freeMask != 0 && flags & layout.allocatedMask == 0
        } ?? false
    }

    /// A field of a frame's slot as evidence.
    func evidence(_ field: SlotField, of frame: FrameNumber) -> Evidence {
        let place = layout[field]
        let value = withSlot(of: frame.rawValue) { place.load($0) }
        let offset = UInt64(place.offset)
        let index = layout.index(of: frame) ?? 0
        return Evidence(
            field.rawValue, value.map { text(of: $0, field) } ?? "no slot",
            at: placement.virtualAddress(ofSlot: index)?.advanced(by: offset),
            physical: placement.physicalAddress(ofSlot: index)?.advanced(by: offset),
            from: "slot of frame \(frame.address)")
    }

    private func text(of value: UInt64, _ field: SlotField) -> String {
        switch field {
        case .flags: "0x\(String(value, radix: 16)) (\(layout.flagNames(value).joined(separator: ", ")))"
        case .guard: "0x\(String(value, radix: 16)) (\(layout.guardNames(value).joined(separator: ", ")))"
        case .refcount where value == layout.refcountUnused: "0x\(String(value, radix: 16)) (unused)"
        case .next where value == layout.linkNone, .prev where value == layout.linkNone: "none"
        case .order, .refcount, .generation: String(value)
        default: "0x\(String(value, radix: 16))"
        }
    }
}
