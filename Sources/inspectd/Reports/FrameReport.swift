/// What `frame` shows: one slot, raw and decoded.
struct FrameReport: Sendable, Equatable {
    /// A decoded field of the slot.
    struct Field: Sendable, Equatable {
        /// The kernel's name.
        var name: String
        /// Offset in the slot, in bytes.
        var offset: Int
        /// Size in bytes.
        var size: Int
        /// The value.
        var value: UInt64
        /// What the value means, where that needs words.
        var meaning: String?
    }

    /// The block that the frame belongs to.
    struct Block: Sendable, Equatable {
        /// Physical address of the first frame.
        var head: UInt64
        /// Buddy order.
        var order: UInt8
        /// Frames in the block.
        var frames: UInt64
        /// The head's state, where the frame is another one.
        var headState: String?
    }

    /// Physical address of the frame.
    var address: UInt64
    /// The address that was asked for.
    var requested: UInt64
    /// Virtual address of the slot, where there is one.
    var slotVirtual: UInt64?
    /// Physical address of the slot.
    var slotPhysical: UInt64?
    /// The slot's bytes.
    var bytes: [UInt8]
    /// Fields by ascending offset.
    var fields: [Field]
    /// Name of the state.
    var state: String
    /// The state in words.
    var stateText: String
    var colour: KindColour?
    var zone: String?
    var block: Block?
    var vtable: VtableEntry?
    var provenance: Provenance

    /// The document of `--format json`.
    var json: JSONValue {
        let hex = bytes.map { Format.padded(UInt64($0), digits: 2) }.joined()
        let fieldList = fields.map { field in
            JSONValue.object([
                ("name", .string(field.name)), ("offset", .number(UInt64(field.offset))),
                ("size", .number(UInt64(field.size))), ("value", .hex(field.value)),
                ("meaning", .string(field.meaning)),
            ])
        }
        let blockValue = block.map { block in
            JSONValue.object([
                ("head", .hex(block.head)), ("order", .number(UInt64(block.order))), ("frames", .number(block.frames)),
                ("headState", .string(block.headState)),
            ])
        }
        return JSONSchema.frame.document([
            ("address", .hex(address)), ("frame", .number(address >> 12)), ("slotVirtual", .hex(slotVirtual)),
            ("slotPhysical", .hex(slotPhysical)), ("bytes", .string(hex)), ("fields", .array(fieldList)),
            ("state", .string(state)), ("stateText", .string(stateText)), ("zone", .string(zone)),
            ("block", blockValue ?? .null), ("vtable", vtable?.json ?? .null), ("provenance", provenance.json),
        ])
    }
}
