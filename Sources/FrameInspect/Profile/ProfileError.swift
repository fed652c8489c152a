/// Why a kernel profile cannot be used: a code for programs, a sentence for people, and the key at fault.
public struct ProfileError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// Stable name of the code.
        public let description: String

        /// No profile of this name is built in.
        public static let unknownProfile = Code(description: "unknownProfile")
        /// The bytes are not JSON.
        public static let malformed = Code(description: "malformed")
        /// The file is of a newer or older form than this program reads.
        public static let unsupportedVersion = Code(description: "unsupportedVersion")
        /// A key that no profile has, most often a misspelling.
        public static let unknownKey = Code(description: "unknownKey")
        /// A key without which the profile says nothing useful.
        public static let missingKey = Code(description: "missingKey")
        /// A value of the wrong type.
        public static let wrongType = Code(description: "wrongType")
        /// A value that cannot be, or that contradicts another.
        public static let invalid = Code(description: "invalid")
        /// The kernel's layout does not fit what the profile says of it.
        public static let layout = Code(description: "layout")
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what is wrong, where, and what to do next.
    public var message: String
    /// Path of the key at fault, for example `slot.fields.order.width`; empty where none is.
    public var path: String

    /// An error of the given kind.
    public init(_ code: Code, _ message: String, path: String = "") {
        self.code = code
        self.message = message
        self.path = path
    }

    /// The sentence.
    public var description: String { message }

    static func invalid(_ path: String, _ message: String) -> ProfileError {
        ProfileError(.invalid, "profile key \(path): \(message)", path: path)
    }
}
