/// A piece of text in a table with its meaning.
struct Cell: Sendable, Equatable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// What is shown; control characters are spelled out.
    var text: String
    /// How it is shown.
    var tint: Tint?

    init(_ text: String, _ tint: Tint? = nil) {
        self.text = DisplayText.harmless(text)
        self.tint = tint
    }

    init(stringLiteral value: String) { self.init(value) }
}
