/// What a piece of text means; the style decides what that looks like.
enum Tint: Sendable, Equatable {
    /// Titles and headers.
    case heading
    /// What may be overlooked: units, rules, provenance.
    case dim
    /// What works.
    case good
    /// What needs attention.
    case warning
    /// What does not work.
    case bad
    /// Addresses, names, what can be pasted elsewhere.
    case accent
    /// A colour of the palette of frame kinds.
    case kind(KindColour)

    /// Parameters of the escape sequence that selects the look.
    func parameters(_ depth: ColourDepth) -> String {
        switch self {
        case .heading: "1"
        case .dim: "2"
        case .good: "32"
        case .warning: "33"
        case .bad: "1;31"
        case .accent: "36"
        case .kind(let colour): colour.words(depth)
        }
    }
}
