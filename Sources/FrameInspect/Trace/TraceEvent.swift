/// What a trace tells while it runs.
public enum TraceEvent: Sendable {
    /// Breakpoints are set, and the guest runs.
    case started(TraceStart)
    /// A hook was called and returned, or never did.
    case call(HookCall)
    /// A pin was set or dropped.
    case pin(PinEvent)
    /// Something breaks the contract; told when it is seen first.
    case finding(Finding)
    /// Something that the reader should know, as a sentence.
    case note(String)
}
