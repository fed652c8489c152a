/// A failure that the program itself finds: its exit status and one sentence.
struct CommandError: Error, Sendable, CustomStringConvertible {
    /// How the program ends.
    var status: ExitStatus
    /// What happened, where, what to do next.
    var description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }
}
