/// Something a hook must not do, in one function.
struct LocalFinding: Hashable {
    var kind: SinkKind
    var site: UInt64
    var evidence: HookViolation.Evidence
    /// The function that is called, or what the instructions do.
    var sink: String
    /// What the catalogue says of the function.
    var text = ""
    /// The catalogue's pattern.
    var pattern: String?
}
