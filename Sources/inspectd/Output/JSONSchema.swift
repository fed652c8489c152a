/// The names and versions of the documents that the program prints; see docs/json-schema.md.
enum JSONSchema: String, Sendable, CaseIterable {
    case summary, dump, frame, vtables, map, doctor, targets, audit, hooks, pins, owner, diff, trace, history

    /// What stands in the document's `schema`: a new number when a key changes its meaning or goes.
    var identifier: String { "inspectd/\(rawValue)/1" }

    /// A document of this kind: the identifier and the program's version first, then `members`.
    func document(_ members: [(String, JSONValue)]) -> JSONValue {
        .object([("schema", .string(identifier)), ("version", .string(ProgramVersion.text))] + members)
    }
}
