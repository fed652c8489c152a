/// A call that the compiler replaced by the callee's code.
public struct InlinedCall: Hashable, Sendable {
    /// The function whose code it is, demangled.
    public var name: String
    /// Where it was called; nil where the debug information does not say.
    public var callSite: SourceLocation?
    /// How many inlined calls are around it.
    public var depth: Int
    /// Where its code is, as linked.
    public var ranges: [Range<UInt64>]

    /// An inlined call.
    public init(name: String, callSite: SourceLocation?, depth: Int, ranges: [Range<UInt64>]) {
        self.name = name
        self.callSite = callSite
        self.depth = depth
        self.ranges = ranges
    }

    /// Whether the code at an address as linked is part of it.
    public func contains(_ address: UInt64) -> Bool { ranges.contains { $0.contains(address) } }
}
