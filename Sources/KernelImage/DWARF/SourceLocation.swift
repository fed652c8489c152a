/// A place in the source.
public struct SourceLocation: Hashable, Sendable {
    /// The file, as the compiler was given it.
    public var file: String
    /// The line, from 1; 0 where it is not known.
    public var line: Int
    /// The column, from 1; 0 where it is not known.
    public var column: Int
}
