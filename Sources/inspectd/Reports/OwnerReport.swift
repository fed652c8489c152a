import FrameInspect
import GuestMemory

/// What `owner` shows.
struct OwnerReport: Sendable {
    /// Who refers to the frame.
    var ownership: FrameOwnership
    /// The frame itself.
    var frame: FrameReport
    var provenance: Provenance

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.owner.document([
            ("address", .hex(frame.address)), ("state", .string(frame.state)),
            ("entry", entry), ("freeList", .string(ownership.freeList)), ("isCached", .bool(ownership.isCached)),
            (
                "mappings",
                .array(
                    ownership.mappings.map {
                        .object([
                            ("space", .string($0.space)), ("virtual", .hex($0.address.rawValue)),
                            ("pageSize", .number($0.pageSize)), ("permissions", .string($0.permissions)),
                            ("isDirectMap", .bool($0.isDirectMap)),
                        ])
                    })
            ),
            ("vtable", frame.vtable?.json ?? .null),
            (
                "gaps",
                .array(
                    ownership.gaps.map {
                        .object([("subject", .string($0.subject)), ("reason", .string($0.status.reason))])
                    })
            ),
            ("provenance", provenance.json),
        ])
    }

    private var entry: JSONValue {
        guard let entry = ownership.entry else { return .null }
        return .object([
            ("base", .hex(entry.base.rawValue)), ("order", .number(UInt64(max(entry.order, 0)))),
            ("state", .string(ownership.stateName)), ("references", .number(entry.refcount)),
            ("pins", .number(entry.transientRefs)), ("address", .hex(entry.address.rawValue)),
            (
                "capabilities",
                .array(
                    ownership.capabilities.map { capability in
                        .object([
                            ("number", .number(capability.number)),
                            (
                                "mappings",
                                .array(
                                    capability.mappings.map {
                                        .object([
                                            ("space", .number($0.space)), ("virtual", .hex($0.address.rawValue)),
                                            ("pageSize", .number($0.pageSize)),
                                        ])
                                    })
                            ),
                        ])
                    })
            ),
        ])
    }
}
