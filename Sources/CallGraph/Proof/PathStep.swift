/// A place on the way from a hook to what it reaches.
public struct PathStep: Hashable, Sendable, Codable {
    /// A call that the compiler inlined around the place.
    public struct Inlining: Hashable, Sendable, Codable {
        /// The function whose code it is.
        public var function: String
        /// Source file of the call; nil where it is not known.
        public var file: String?
        /// Line of the call; nil where it is not known.
        public var line: Int?

        /// An inlined call.
        public init(function: String, file: String? = nil, line: Int? = nil) {
            self.function = function
            self.file = file
            self.line = line
        }
    }

    /// The function, demangled; its address in hexadecimal where it has no name.
    public var function: String
    /// Address of the function's first byte.
    public var functionAddress: UInt64
    /// Address of the call, of the jump, or of the offending instruction.
    public var address: UInt64
    /// The instruction there; nil where it cannot be read.
    public var instruction: String?
    /// Source file of the place; nil where it is not known.
    public var file: String?
    /// Line of the place; nil where it is not known.
    public var line: Int?
    /// The inlined calls around the place, the innermost first.
    public var inlinedBy: [Inlining]

    /// A place on a way.
    public init(
        function: String, functionAddress: UInt64, address: UInt64, instruction: String? = nil, file: String? = nil,
        line: Int? = nil, inlinedBy: [Inlining] = []
    ) {
        self.function = function
        self.functionAddress = functionAddress
        self.address = address
        self.instruction = instruction
        self.file = file
        self.line = line
        self.inlinedBy = inlinedBy
    }

    /// Distance of the place from the function's first byte.
    public var offset: UInt64 { address &- functionAddress }
}
