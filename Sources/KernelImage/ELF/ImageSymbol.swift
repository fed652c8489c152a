/// A symbol that the image defines.
public struct ImageSymbol: Hashable, Sendable {
    /// What a symbol names.
    public enum Kind: Hashable, Sendable {
        /// Code.
        case function
        /// Data.
        case object
        /// A label of assembly code, or something else.
        case other
    }

    /// The name as a person writes it: demangled, without hash and suffixes.
    public var name: String
    /// The name in the symbol table.
    public var rawName: String
    /// Address as linked.
    public var address: UInt64
    /// Bytes; 0 where the symbol table does not say.
    public var size: UInt64
    /// What it names.
    public var kind: Kind
}
