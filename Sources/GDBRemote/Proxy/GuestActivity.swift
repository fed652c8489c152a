/// What is known about the guest of a stub that debuggers share.
public enum GuestActivity: Hashable, Sendable {
    /// It stands still, and the stub answers.
    case stopped
    /// The controlling debugger let it run.
    case running
    /// No debugger is connected to the stub.
    case unattached
}
