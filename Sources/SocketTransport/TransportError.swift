/// Why a connection could not be made: a code for programs, a sentence for people.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Hashable, Sendable {
        /// There is nothing at the path.
        case noSuchSocket
        /// Nobody listens there.
        case refused
        /// The operating system forbids the connection.
        case permission
        /// The server does not take connections: its queue is full.
        case busy
        /// No answer in time.
        case timeout
        /// The calling task was cancelled.
        case cancelled
        /// The address makes no sense.
        case usage
        /// A system call failed for another reason.
        case system
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what happened, where, and what to do next.
    public var message: String

    /// An error of the given kind.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The sentence.
    public var description: String { message }
}
