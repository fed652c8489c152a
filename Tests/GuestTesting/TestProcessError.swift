/// Why a process that a test needs did not start or did not get ready.
public struct TestProcessError: Error, CustomStringConvertible, Sendable {
    /// What happened, with what the process wrote to its standard error.
    public let description: String

    /// An error with its text.
    public init(_ description: String) { self.description = description }
}
