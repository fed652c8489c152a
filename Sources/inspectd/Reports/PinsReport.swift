import FrameInspect
import GuestMemory

/// What `pins` shows.
struct PinsReport: Sendable {
    /// The pins.
    var survey: PinSurvey
    var provenance: Provenance

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.pins.document([
            ("owners", .number(UInt64(survey.owners))), ("problem", .string(survey.status.reason)),
            ("passed", .number(UInt64(max(survey.passed, 0)))),
            (
                "pins",
                .array(
                    survey.pins.map { pin in
                        .object([
                            ("address", .hex(pin.entry.base.rawValue)),
                            ("order", .number(UInt64(max(pin.entry.order, 0)))),
                            ("state", .string(pin.stateName)), ("pins", .number(pin.entry.transientRefs)),
                            ("capabilities", .array(pin.entry.capabilities.map { .number($0) })),
                            ("references", .number(pin.entry.refcount)),
                            ("slotReferences", .number(pin.slotReferences)),
                            ("mappings", .number(UInt64(pin.mappings))),
                            ("generation", .number(pin.generation)), ("isOrphaned", .bool(pin.isOrphaned)),
                            ("ageSeconds", pin.age.map { .decimal($0) } ?? .null),
                        ])
                    })
            ),
            ("provenance", provenance.json),
        ])
    }
}
