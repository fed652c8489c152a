/// Why an inspection could not be done: a code for programs, a sentence for people, the cause.
public struct InspectorError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure, each with its own answer.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// Stable name of the code.
        public let description: String

        /// The request contradicts itself or names something that does not exist.
        public static let usage = Code(description: "usage")
        /// The kernel image is missing, unreadable, of another machine, or without what is needed.
        public static let imageUnusable = Code(description: "imageUnusable")
        /// The guest runs another kernel than the image.
        public static let imageMismatch = Code(description: "imageMismatch")
        /// The profile does not describe this kernel: an anchor or a field is missing or impossible.
        public static let profileMismatch = Code(description: "profileMismatch")
        /// The kernel has not set up its frame table yet.
        public static let notInitialised = Code(description: "notInitialised")
        /// The guest, its monitor or its stub cannot be reached, or left.
        public static let unreachable = Code(description: "unreachable")
        /// Guest memory could not be read.
        public static let readFailed = Code(description: "readFailed")
        /// The caller cancelled.
        public static let interrupted = Code(description: "interrupted")
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
}
