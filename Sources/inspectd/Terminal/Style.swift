/// How text is to look where it goes: all that a renderer knows about the terminal.
struct Style: Sendable, Equatable {
    /// Colours that may be used.
    var colour: ColourDepth = .none
    /// Whether signs beyond ASCII may be used for lines, bars and marks.
    var unicode = false
    /// Columns of the terminal; nil where lines may be of any length.
    var width: Int?
    /// Rows of the terminal, where there is one.
    var height: Int?
    /// Whether a person looks at it: thousands separators, bars, blocks beside each other.
    var isInteractive = false

    /// For pipes and files: nothing but text.
    static let plain = Style()

    /// `text` in the look of `tint`; unchanged without colours.
    func paint(_ text: String, _ tint: Tint?) -> String {
        guard colour != .none, let tint, !text.isEmpty else { return text }
        return "\u{1B}[\(tint.parameters(colour))m\(text)\u{1B}[0m"
    }

    /// A whole number, in groups of three where a person looks.
    func number(_ value: UInt64) -> String { isInteractive ? Format.grouped(value) : String(value) }

    /// A number with decimals, in groups of three where a person looks.
    func number(_ value: Double, decimals: Int) -> String {
        Format.fixed(value, decimals: decimals, grouped: isInteractive)
    }

    /// Megabytes of 1,048,576 bytes; three decimals show a single frame (0.004).
    func mebibytes(frames: UInt64) -> String { number(Double(frames) / 256, decimals: 3) }

    /// The sign for left-out text.
    var ellipsis: String { unicode ? "…" : "..." }

    /// The sign between parts of a line.
    var separator: String { unicode ? " · " : ", " }

    /// A mark for yes and no, in words where signs are not at hand.
    func mark(_ yes: Bool) -> Cell {
        if unicode { return Cell(yes ? "✓" : "✗", yes ? .good : .bad) }
        return Cell(yes ? "yes" : "no", yes ? .good : .bad)
    }
}
