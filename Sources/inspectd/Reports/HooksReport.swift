import CallGraph
import FrameInspect
import GuestMemory

/// What `hooks` shows.
struct HooksReport: Sendable {
    /// The hooks, by address.
    var hooks: [HookSurvey.Entry]
    var provenance: Provenance

    /// The hooks that a name or an address means.
    ///
    /// - Throws: ``CommandError`` with the names there are.
    func limited(to name: String?) throws -> HooksReport {
        guard let name else { return self }
        var copy = self
        copy.hooks = hooks.filter { entry in
            if let address = NumberText.parse(name) { return entry.use.place.address.rawValue == address }
            guard let symbol = entry.use.place.symbol else { return false }
            return symbol == name || symbol.hasSuffix("::" + name)
        }
        guard copy.hooks.isEmpty else { return copy }
        let names = hooks.map(\.use.name).joined(separator: ", ")
        throw CommandError(
            .usage,
            "no installed hook is '\(name)'; "
                + (hooks.isEmpty ? "no frame has a vtable with a hook" : "installed are: \(names)"))
    }

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.hooks.document([
            ("hooks", .array(hooks.map(\.json))), ("provenance", provenance.json),
        ])
    }
}

extension HookSurvey.Entry {
    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("location", CodeLocation(use.place).json), ("roles", .array(use.roles.map { .string($0) })),
            ("vtables", .array(use.vtables.map { CodeLocation($0).json })),
            ("frames", .number(use.frames.reduce(0) { $0 &+ $1.count })),
            ("verdict", .string(proof?.verdict.rawValue ?? "unproven")), ("problem", .string(problem)),
            (
                "violations",
                .array(
                    (proof?.violations ?? []).map { violation in
                        .object([
                            ("kind", .string(violation.kind.rawValue)), ("sink", .string(violation.sink)),
                            ("text", .string(violation.text)), ("path", .array(violation.path.map(\.json))),
                        ])
                    })
            ),
            (
                "gaps",
                .array(
                    (proof?.gaps ?? []).map { gap in
                        .object([
                            ("reason", .string(gap.reason.rawValue)), ("text", .string(gap.text)),
                            ("path", .array(gap.path.map(\.json))),
                        ])
                    })
            ),
            (
                "visited",
                .array(
                    (proof?.visited ?? []).map {
                        .object([
                            ("name", .string($0.name)), ("address", .hex($0.address)),
                            ("instructions", .number(UInt64($0.instructions))),
                        ])
                    })
            ),
            (
                "notVisited",
                .array(
                    (proof?.notVisited ?? []).map {
                        .object([
                            ("name", .string($0.name)), ("address", .hex($0.address)), ("reason", .string($0.reason)),
                        ])
                    })
            ),
        ])
    }
}
