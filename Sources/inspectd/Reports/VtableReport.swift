/// What `vtables` shows: every distinct vtable pointer.
struct VtableReport: Sendable, Equatable {
    /// Slots of the table.
    var frames: UInt64
    /// By frames that use them, most first.
    var entries: [VtableEntry]
    var provenance: Provenance

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.vtables.document([
            ("frames", .number(frames)), ("vtables", .array(entries.map(\.json))), ("provenance", provenance.json),
        ])
    }
}
