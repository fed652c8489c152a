/// Neighbouring slots that hold the same.
struct SlotRun: Hashable, Sendable {
    /// Index of the first slot.
    var first: UInt64
    /// How many, never 0.
    var count: UInt64
    /// What each of them holds.
    var content: SlotContent

    /// The fields in the order of their bits in a file: those that change most often first, so that one byte names them.
    static let fields: [SlotField] = [.next, .prev, .flags, .order, .refcount, .generation, .vtable, .guard, .aux]

    /// A field's value as differences are taken of it: addresses of frames lose their low zeros.
    @inline(__always)
    static func packed(_ value: UInt64, _ field: SlotField) -> UInt64 {
        field == .next || field == .prev ? value >> 12 | value &<< 52 : value
    }

    /// What ``packed(_:_:)`` was made of.
    @inline(__always)
    static func unpacked(_ value: UInt64, _ field: SlotField) -> UInt64 {
        field == .next || field == .prev ? value &<< 12 | value >> 52 : value
    }
}
