/// Why output could not be written.
struct OutputError: Error, Sendable, CustomStringConvertible {
    /// What happened to the other side.
    enum Code: Sendable {
        /// The reader of the pipe has gone: no failure, it has seen enough.
        case closed
        /// The file system or device refused.
        case failed
    }

    /// What happened.
    var code: Code
    /// The system's number for it.
    var errno: Int32
    /// One sentence.
    var description: String
}
