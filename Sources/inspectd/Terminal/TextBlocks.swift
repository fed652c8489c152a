/// Blocks of lines, laid beside each other as far as the terminal is wide.
enum TextBlocks {
    /// Puts blocks into rows from the left; where no width is known, all stand below each other.
    static func arrange(_ blocks: [[String]], style: Style, gap: Int = 4) -> [String] {
        let widths = blocks.map { $0.map(DisplayText.width).max() ?? 0 }
        var result: [String] = []
        var index = 0
        while index < blocks.count {
            var end = index + 1
            if style.isInteractive, let available = style.width {
                var used = widths[index]
                while end < blocks.count, used + gap + widths[end] <= available {
                    used += gap + widths[end]
                    end += 1
                }
            }
            if !result.isEmpty { result.append("") }
            let height = blocks[index..<end].map(\.count).max() ?? 0
            for row in 0..<height {
                var line = ""
                var column = 0
                for block in index..<end {
                    let text = row < blocks[block].count ? blocks[block][row] : ""
                    if !text.isEmpty {
                        line += String(repeating: " ", count: max(0, column - DisplayText.width(line))) + text
                    }
                    column += widths[block] + gap
                }
                result.append(line)
            }
            index = end
        }
        return result
    }

    /// A sentence broken at spaces to the width of the terminal, each line after the first indented.
    static func wrap(_ text: String, style: Style, indent: Int = 0, hanging: Int = 0) -> [String] {
        let clean = DisplayText.harmless(text)
        guard let available = style.width else { return [String(repeating: " ", count: indent) + clean] }
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in clean.split(separator: " ", omittingEmptySubsequences: true) {
            if !isEmpty, DisplayText.width(line) + 1 + DisplayText.width(String(word)) > available {
                lines.append(line)
                line = String(repeating: " ", count: indent + hanging)
                isEmpty = true
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        if !isEmpty { lines.append(line) }
        return lines
    }
}
