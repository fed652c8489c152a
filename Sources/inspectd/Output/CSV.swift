/// Comma-separated values after RFC 4180, with line feeds as line ends.
enum CSV {
    /// A field, in quotes where it holds a comma, a quote or a line end.
    static func field(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }) else { return text }
        var result = "\""
        for character in text.unicodeScalars {
            if character == "\"" { result += "\"\"" } else { result.unicodeScalars.append(character) }
        }
        return result + "\""
    }

    /// A line without its end.
    static func line(_ fields: [String]) -> String { fields.map(field).joined(separator: ",") }
}
