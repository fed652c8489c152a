import FrameInspect
import GuestMemory

/// One line of a dump.
///
/// Fields that the kernel does not have are nil throughout.
struct FrameRow: Sendable, Equatable {
    /// Physical address.
    var address: UInt64
    /// Frames that the line stands for: 1, or those of the block with `--blocks`.
    var frames: UInt64 = 1
    /// Name of the state.
    var state: String
    var colour: KindColour?
    var flags: UInt64
    /// One letter per flag, `_` where it is not set.
    var letters: String
    var order: UInt8?
    /// References; nil for the kernel's mark for unused.
    var refcount: UInt64?
    var generation: UInt64?
    var guardBits: UInt64?
    /// Virtual address of the vtable, 0 for the default.
    var vtable: UInt64?
    /// Links of the free list; nil for none.
    var next: UInt64?
    var previous: UInt64?
    /// Whether the slot changed between the two reads of a live guest.
    var moved = false
}

extension FrameRow {
    /// A row of the frame table.
    init(
        _ slot: MetaSlot, frame: FrameNumber, frames: UInt64, state: FrameState, layout: FrameLayout,
        moved: Bool = false
    ) {
        self.init(
            address: frame.address.rawValue, frames: frames, state: state.name, colour: state.colour, flags: slot.flags,
            letters: layout.flagLetters(slot.flags), order: slot.order, refcount: slot.references,
            generation: slot.generation, guardBits: slot.guardBits, vtable: slot.vtable,
            next: slot.freeLink.next == layout.linkNone ? nil : slot.freeLink.next,
            previous: slot.freeLink.prev == layout.linkNone ? nil : slot.freeLink.prev, moved: moved)
    }

    /// The part of JSON documents, with the fields that the kernel has.
    func json(_ layout: FrameLayout) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("address", .hex(address)), ("frame", .number(address >> 12)), ("state", .string(state)),
            ("flags", .hex(flags)), ("letters", .string(letters)), ("order", .number(order.map { UInt64($0) })),
            ("refcount", .number(refcount)),
        ]
        if layout.generation.isPresent { members.append(("generation", .number(generation))) }
        if layout.guardField.isPresent { members.append(("guard", .hex(guardBits))) }
        if layout.vtable.isPresent { members.append(("vtable", .hex(vtable))) }
        if layout.next.isPresent { members += [("next", .hex(next)), ("prev", .hex(previous))] }
        members.append(("moved", .bool(moved)))
        return .object(members)
    }
}
