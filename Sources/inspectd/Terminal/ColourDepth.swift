/// How many colours the output may use.
enum ColourDepth: Int, Sendable, Comparable {
    /// Plain text, no escape sequence at all.
    case none
    /// The 16 colours that every colour terminal knows.
    case basic
    /// The 256 indexed colours.
    case indexed
    /// 24-bit colours.
    case direct

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
