/// The name of a piece of code.
public struct CodeSymbol: Hashable, Sendable {
    /// The path as a person writes it.
    public var name: String
    /// Address of its first byte in the guest.
    public var address: UInt64
    /// Bytes; 0 where that is not known.
    public var size: UInt64
    /// Whether it is known to be a function, rather than a label.
    public var isFunction: Bool

    /// A name.
    public init(name: String, address: UInt64, size: UInt64, isFunction: Bool) {
        self.name = name
        self.address = address
        self.size = size
        self.isFunction = isFunction
    }

    /// Whether an address lies inside.
    public func contains(_ address: UInt64) -> Bool {
        size == 0 ? address == self.address : address &- self.address < size
    }
}
