/// Why a kernel image cannot be used: a code for programs, a sentence for people.
public struct ImageError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// Stable name of the code.
        public let description: String

        /// There is no such file.
        public static let notFound = Code(description: "notFound")
        /// The file may not be read, or is no file.
        public static let unreadable = Code(description: "unreadable")
        /// The file is not ELF.
        public static let notELF = Code(description: "notELF")
        /// The file is for another machine, or for 32 bits.
        public static let wrongArchitecture = Code(description: "wrongArchitecture")
        /// The file ends before what its headers promise.
        public static let truncated = Code(description: "truncated")
        /// The file's structures contradict themselves.
        public static let malformed = Code(description: "malformed")
        /// No such type in the debug information.
        public static let noSuchType = Code(description: "noSuchType")
        /// No such member in a type.
        public static let noSuchMember = Code(description: "noSuchMember")
        /// Several types of the name differ.
        public static let ambiguous = Code(description: "ambiguous")
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
