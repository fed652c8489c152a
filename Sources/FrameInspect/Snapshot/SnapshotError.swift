/// Why a snapshot could not be read, written or compared: a code for programs, a sentence for people.
public struct SnapshotError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure, each with its own answer.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// Stable name of the code.
        public let description: String

        /// The file cannot be opened or read.
        public static let unreadable = Code(description: "unreadable")
        /// The file is no snapshot, is cut short, or contradicts itself.
        public static let damaged = Code(description: "damaged")
        /// The file was written in a form that this program does not know.
        public static let unknownVersion = Code(description: "unknownVersion")
        /// The table does not fit a snapshot: hardly two neighbouring slots are alike.
        public static let tooLarge = Code(description: "tooLarge")
        /// Two snapshots are of different kernels.
        public static let otherKernel = Code(description: "otherKernel")
        /// Two snapshots were read with different profiles.
        public static let otherProfile = Code(description: "otherProfile")
        /// The slots of two snapshots are laid out differently.
        public static let otherLayout = Code(description: "otherLayout")
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what happened, where, and what to do next.
    public var message: String
    /// Offset of the fault in the file, in bytes; nil where there is none.
    public var offset: UInt64?

    /// An error of the given kind.
    public init(_ code: Code, _ message: String, at offset: UInt64? = nil) {
        self.code = code
        self.message = message
        self.offset = offset
    }

    /// The sentence.
    public var description: String { message }

    /// A contradiction in a part of a file.
    static func damaged(_ part: String, _ what: String, at offset: Int? = nil) -> SnapshotError {
        let place = offset.map { " at byte \($0)" } ?? ""
        return SnapshotError(
            .damaged, "the snapshot is damaged: \(part)\(place): \(what); take another copy of the file",
            at: offset.map { UInt64($0) })
    }
}
