/// How references are counted, and which values are none.
public struct ReferenceProfile: Hashable, Sendable, Codable {
    /// The stored value that means "nobody counts here"; nil where the kernel has none.
    public var unused: ProfileNumber?
    /// What to add to the stored value to get the number of references; nil for 0.
    public var bias: Int?
    /// Whether the stored value is signed; nil for no.
    public var signed: Bool?

    /// The rules of one kernel.
    public init(unused: ProfileNumber? = nil, bias: Int? = nil, signed: Bool? = nil) {
        self.unused = unused
        self.bias = bias
        self.signed = signed
    }
}
