/// A vtable that frames point to, with both hooks.
struct VtableEntry: Sendable, Equatable {
    /// Where it lies; address 0 stands for the default.
    var location: CodeLocation
    /// Whether frames select it by a pointer of 0.
    var isDefault = false
    /// The hook at the end of the last ownership reference; nil for none.
    var onLastRef: CodeLocation?
    /// The hook for each page that is released; nil for none.
    var onUnmap: CodeLocation?
    /// Whether the hooks could be read.
    var isReadable = true
    /// Reserved words that should be zero and are not.
    var reservedNonZero = false
    /// Frames that use it; nil where they were not counted.
    var frames: UInt64?

    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("pointer", .hex(isDefault ? 0 : location.address)), ("isDefault", .bool(isDefault)),
            ("location", location.json), ("isReadable", .bool(isReadable)),
            ("onLastRef", onLastRef?.json ?? .null), ("onUnmap", onUnmap?.json ?? .null),
            ("reservedNonZero", .bool(reservedNonZero)), ("frames", .number(frames)),
        ])
    }
}
