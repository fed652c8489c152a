/// Why a `--where` expression cannot be used.
public struct FilterError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One sentence: what is wrong, and what would be right.
    public var message: String
    /// Where, counted in characters from 1.
    public var column: Int
    /// The expression.
    public var expression: String

    /// The sentence, the expression, and a mark below the place.
    public var description: String {
        let visible = String(expression.map { $0.isNewline || $0 == "\t" ? " " : $0 })
        let mark = String(repeating: " ", count: max(0, column - 1)) + "^"
        return "\(message) (column \(column))\n  \(visible)\n  \(mark)"
    }
}
