/// The palette of frame kinds: hues that stay apart for colour-blind eyes (after Okabe and Ito), ordered by meaning.
enum KindColour: String, Sendable, CaseIterable {
    case hole, unmanaged, free, cached, kernel, user, raw, poisoned, quarantined, broken

    /// The colour on screens that know 24 bits, and in pictures on a light ground.
    var rgb: UInt32 {
        switch self {
        case .hole: 0x26282C
        case .unmanaged: 0x8C9096
        case .free: 0x56B4E9
        case .cached: 0xA8DBF7
        case .kernel: 0x0072B2
        case .user: 0x009E73
        case .raw: 0xE69F00
        case .poisoned: 0xD55E00
        case .quarantined: 0xCC79A7
        case .broken: 0xF0E442
        }
    }

    /// The nearest of the 256 indexed colours.
    var index: UInt8 {
        switch self {
        case .hole: 235
        case .unmanaged: 245
        case .free: 74
        case .cached: 153
        case .kernel: 25
        case .user: 36
        case .raw: 214
        case .poisoned: 166
        case .quarantined: 175
        case .broken: 227
        }
    }

    /// The nearest of the 16 colours, counted 0...15.
    var basic: Int {
        switch self {
        case .hole: 0
        case .unmanaged: 8
        case .free: 6
        case .cached: 14
        case .kernel: 4
        case .user: 2
        case .raw: 3
        case .poisoned: 1
        case .quarantined: 5
        case .broken: 11
        }
    }

    /// One letter for output without colours.
    var letter: Character {
        switch self {
        case .hole: " "
        case .unmanaged: "."
        case .free: "-"
        case .cached: "c"
        case .kernel: "K"
        case .user: "U"
        case .raw: "A"
        case .poisoned: "X"
        case .quarantined: "Q"
        case .broken: "!"
        }
    }

    /// What legends say.
    var text: String {
        switch self {
        case .hole: "no RAM"
        case .unmanaged: "never managed (firmware, holes)"
        case .free: "free"
        case .cached: "free, in a per-CPU cache"
        case .kernel: "claimed by the kernel"
        case .user: "claimed for user space"
        case .raw: "allocated, not claimed"
        case .poisoned: "poisoned while in use"
        case .quarantined: "poisoned and withheld"
        case .broken: "being released, or contradictory"
        }
    }

    /// `#rrggbb`.
    var hexadecimal: String { "#" + Format.padded(UInt64(rgb), digits: 6) }

    /// Escape parameters that select the colour for words: brighter where the colour itself is too dark for thin strokes.
    func words(_ depth: ColourDepth) -> String {
        guard self == .kernel else { return foreground(depth) }
        switch depth {
        case .none: return ""
        case .basic: return "94"
        case .indexed: return "38;5;33"
        case .direct: return "38;2;58;150;221"
        }
    }

    /// Escape parameters that select the colour for areas made of text.
    func foreground(_ depth: ColourDepth) -> String {
        switch depth {
        case .none: ""
        case .basic: basic < 8 ? "\(30 + basic)" : "\(82 + basic)"
        case .indexed: "38;5;\(index)"
        case .direct: "38;2;\(rgb >> 16);\(rgb >> 8 & 0xFF);\(rgb & 0xFF)"
        }
    }

    /// Escape parameters that select the colour for the ground behind the text.
    func background(_ depth: ColourDepth) -> String {
        switch depth {
        case .none: ""
        case .basic: basic < 8 ? "\(40 + basic)" : "\(92 + basic)"
        case .indexed: "48;5;\(index)"
        case .direct: "48;2;\(rgb >> 16);\(rgb >> 8 & 0xFF);\(rgb & 0xFF)"
        }
    }
}
