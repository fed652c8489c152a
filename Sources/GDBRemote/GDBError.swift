/// Why a request over the GDB remote protocol failed: a code for programs, a sentence for people.
public struct GDBError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// There is nothing at the path.
        case noSuchSocket
        /// Nobody listens there.
        case refused
        /// The operating system forbids the connection.
        case permission
        /// Something else than a GDB stub answered.
        case notGDB
        /// Connected, but nothing answers: another debugger holds the stub.
        case busy
        /// No answer in time.
        case timeout
        /// The connection ended.
        case disconnected
        /// The target ran meanwhile, because someone else resumed it; trying again is likely to work.
        case interrupted
        /// An answer that the protocol does not allow.
        case malformed
        /// The stub refused, with the number it gave.
        case refusedByStub(Int?)
        /// The calling task was cancelled.
        case cancelled
        /// The caller's arguments make no sense.
        case usage
        /// A system call failed for another reason.
        case system
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what happened, where, and what to do next.
    public var message: String
    /// What lies underneath.
    public var cause: (any Error)?

    /// An error of the given kind.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The sentence.
    public var description: String { message }

    /// The calling task was cancelled.
    static let cancelled = GDBError(.cancelled, "the request was cancelled")
}
