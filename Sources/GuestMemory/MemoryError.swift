/// Why guest memory could not be read: a code for programs, a sentence for people, the address, the cause.
public struct MemoryError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// Stable name of the code.
        public let description: String

        /// The address is a hole, a device or past the end of RAM; nothing was read.
        public static let notRAM = Code(description: "notRAM")
        /// A virtual address has no present translation.
        public static let notMapped = Code(description: "notMapped")
        /// A page-table entry breaks the processor's rules (reserved bits, table outside RAM).
        public static let badPageTable = Code(description: "badPageTable")
        /// The operating system refused (ptrace, file permissions).
        public static let permission = Code(description: "permission")
        /// The guest ended or its socket closed in mid-read.
        public static let guestGone = Code(description: "guestGone")
        /// The guest or its monitor did not answer in time.
        public static let timeout = Code(description: "timeout")
        /// The source gave fewer bytes than its own map promises, or bytes of a broken format.
        public static let malformed = Code(description: "malformed")
        /// This way of reading cannot serve this guest; the sentence says why.
        public static let unavailable = Code(description: "unavailable")
        /// A system call failed for another reason.
        public static let system = Code(description: "system")
    }

    /// What kind of failure.
    public var code: Code
    /// One sentence: what happened, where, and what to do next.
    public var message: String
    /// The first physical address that could not be read, where one is at fault.
    public var address: PhysicalAddress?
    /// What lies underneath.
    public var cause: (any Error)?

    /// An error of the given kind.
    public init(_ code: Code, _ message: String, at address: PhysicalAddress? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.address = address
        self.cause = cause
    }

    /// The sentence.
    public var description: String { message }

    /// A read that leaves RAM.
    public static func notRAM(at address: PhysicalAddress, count: UInt64, map: RAMMap) -> MemoryError {
        MemoryError(
            .notRAM,
            "physical address \(address) is not RAM of this guest (RAM ends at \(map.end)); \(count) bytes from there were not read",
            at: address)
    }
}
