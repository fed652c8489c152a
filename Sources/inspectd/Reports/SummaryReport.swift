/// What `summary` shows: frames counted by several keys.
struct SummaryReport: Sendable, Equatable {
    /// Frames with the same flags.
    struct FlagGroup: Sendable, Equatable {
        /// The flags' bits.
        var value: UInt64
        /// Frames.
        var frames: UInt64
        /// One letter per flag, `_` where it is not set.
        var letters: String
        /// Names of the flags that are set.
        var names: [String]
    }

    /// Frames with the same key of another kind.
    struct Group: Sendable, Equatable {
        /// The key as text.
        var label: String
        /// Frames.
        var frames: UInt64
        /// What the key means, where that needs words.
        var note: String?
        /// The colour of the kind.
        var colour: KindColour?
    }

    /// Slots of the table.
    var frames: UInt64
    /// By flags, most frames first.
    var flags: [FlagGroup]
    var states: [Group]
    var orders: [Group]
    var zones: [Group]
    var refcounts: [Group]
    var provenance: Provenance

    /// The document of `--format json`.
    var json: JSONValue {
        func groups(_ list: [Group], _ key: String) -> JSONValue {
            .array(
                list.map { group in
                    .object(
                        [(key, .string(group.label)), ("frames", .number(group.frames)), ("note", .string(group.note))])
                })
        }
        let byFlags = flags.map { group in
            JSONValue.object([
                ("flags", .hex(group.value)), ("frames", .number(group.frames)), ("letters", .string(group.letters)),
                ("names", .string(group.names.joined(separator: ","))),
            ])
        }
        return JSONSchema.summary.document([
            ("frames", .number(frames)), ("bytes", .number(frames &* 4096)), ("flags", .array(byFlags)),
            ("states", groups(states, "state")), ("orders", groups(orders, "order")), ("zones", groups(zones, "zone")),
            ("refcounts", groups(refcounts, "refcount")), ("provenance", provenance.json),
        ])
    }
}
