/// Text as a terminal shows it: its width in columns, made harmless, cut, padded.
enum DisplayText {
    /// Columns that `text` takes; escape sequences that only change the look take none.
    static func width(_ text: String) -> Int {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text.utf8.count }
        var result = 0
        var inEscape = false
        for scalar in text.unicodeScalars {
            if inEscape {
                if (0x40...0x7E).contains(scalar.value), scalar != "[" { inEscape = false }
            } else if scalar == "\u{1B}" {
                inEscape = true
            } else {
                result += width(scalar)
            }
        }
        return result
    }

    /// Columns of one scalar: 0 for combining signs, 2 for wide East Asian ones and pictures, else 1.
    private static func width(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }

    /// The text with control characters spelled out: what comes from a guest must not steer the terminal.
    static func harmless(_ text: String) -> String {
        let isClean = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        if isClean { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) {
                result += "\\x" + Format.padded(UInt64(scalar.value), digits: 2)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The text in at most `width` columns; what is left out at the end is shown by the ellipsis.
    static func cut(_ text: String, to width: Int, ellipsis: String) -> String {
        guard self.width(text) > width else { return text }
        let room = max(0, width - self.width(ellipsis))
        var result = ""
        var used = 0
        for character in text {
            let columns = self.width(String(character))
            if used + columns > room { break }
            used += columns
            result.append(character)
        }
        return String((result + ellipsis).prefix(max(width, 0)))
    }

    /// The text cut in its middle, for names whose ends matter.
    static func cutMiddle(_ text: String, to width: Int, ellipsis: String) -> String {
        guard self.width(text) > width else { return text }
        let room = width - self.width(ellipsis)
        guard room >= 2 else { return cut(text, to: width, ellipsis: ellipsis) }
        let tail = room * 2 / 3
        return String(text.prefix(room - tail)) + ellipsis + String(text.suffix(tail))
    }

    /// Spaces that bring `text` to `width` columns.
    static func padding(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - self.width(text)))
    }
}
