import FrameInspect
import GuestMemory

/// What `diff` prints.
struct DiffDocument: Sendable {
    /// The first argument.
    var before: String
    /// The second argument.
    var after: String
    /// What changed.
    var diff: SnapshotDiff

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.diff.document([
            ("before", Self.side(before, diff.kernelBefore, diff.provenanceBefore)),
            ("after", Self.side(after, diff.kernelAfter, diff.provenanceAfter)),
            ("comparedSlots", .number(diff.comparedSlots)),
            (
                "totals",
                .array(
                    diff.totals.map { total in
                        .object([
                            ("kind", .string(total.kind.rawValue)), ("text", .string(total.kind.text)),
                            ("changes", .number(total.changes)), ("frames", .number(total.frames)),
                        ])
                    })
            ),
            ("changes", .array(diff.changes.map(Self.change))),
            ("notes", .array(diff.notes.map { .string($0) })),
        ])
    }

    private static func side(
        _ name: String, _ kernel: SnapshotKernel, _ provenance: FrameInspect.Provenance
    ) -> JSONValue {
        .object([
            ("source", .string(name)), ("buildID", .string(kernel.buildID)), ("profile", .string(kernel.profile.name)),
            ("slots", .number(kernel.slotCount)), ("time", .string(Format.time(secondsSince1970: provenance.time))),
            ("way", .string(provenance.rung.rawValue)), ("consistent", .bool(provenance.consistent)),
            ("movedSlots", .number(provenance.movedSlots.map { UInt64($0) })),
            ("qemuVersion", .string(provenance.qemuVersion)),
        ])
    }

    private static func change(_ change: SnapshotChange) -> JSONValue {
        .object([
            ("kind", .string(change.kind.rawValue)), ("address", .hex(change.frames?.first.address.rawValue)),
            ("frames", .number(change.frames?.count)), ("capability", .number(change.capability)),
            ("before", .string(change.before)), ("after", .string(change.after)), ("uniform", .bool(change.isUniform)),
        ])
    }
}
