/// What a trace watches.
public struct TraceStart: Hashable, Sendable {
    /// What is traced.
    public var subject: TraceOptions.Subject
    /// The hooks that live vtables name.
    public var hooks: [CodePlace]
    /// The functions besides them, by their part: `release`, `free`, `pin`, `unpin`.
    public var functions: [String: CodePlace]
    /// Hardware breakpoints that are set.
    public var hardware: Int
    /// Software breakpoints that are set.
    public var software: Int
    /// Number of vCPUs.
    public var cpus: Int
    /// How durations are measured: `instructions` or `host`.
    public var durations: String
}
