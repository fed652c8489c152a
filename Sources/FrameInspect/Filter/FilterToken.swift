/// A word or sign of a `--where` expression.
struct FilterToken: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// A name: letters, digits, `_`, `.` and `-` inside.
        case name(String)
        case number(UInt64)
        case comparison(FilterComparison)
        case and, or, not, open, close
        /// The end of the expression.
        case end
    }

    var kind: Kind
    /// Where it begins, counted in characters from 1.
    var column: Int

    /// The longest expression that is read, in characters.
    static let maximumLength = 4096

    /// Cuts an expression into tokens; the last one is `.end`.
    static func tokens(of text: String) throws(FilterError) -> [FilterToken] {
        let characters = Array(text)
        guard characters.count <= maximumLength else {
            throw FilterError(
                message: "the expression has \(characters.count) characters; at most \(maximumLength) are read",
                column: 1,
                expression: String(characters.prefix(60)))
        }
        var tokens: [FilterToken] = []
        var position = 0
        func peek(_ offset: Int) -> Character? {
            position + offset < characters.count ? characters[position + offset] : nil
        }
        func isWord(_ character: Character) -> Bool {
            character.isASCII && (character.isLetter || character.isNumber || character == "_" || character == ".")
        }
        while let character = peek(0) {
            let column = position + 1
            func failure(_ message: String) -> FilterError {
                FilterError(message: message, column: column, expression: text)
            }
            func add(_ kind: Kind, _ length: Int) {
                tokens.append(FilterToken(kind: kind, column: column))
                position += length
            }
            switch (character, peek(1)) {
            case (_, _) where character.isWhitespace: position += 1
            case ("(", _): add(.open, 1)
            case (")", _): add(.close, 1)
            case ("&", "&"): add(.and, 2)
            case ("|", "|"): add(.or, 2)
            case ("=", "="): add(.comparison(.equal), 2)
            case ("!", "="): add(.comparison(.notEqual), 2)
            case ("<", "="): add(.comparison(.lessOrEqual), 2)
            case (">", "="): add(.comparison(.greaterOrEqual), 2)
            case ("<", _): add(.comparison(.less), 1)
            case (">", _): add(.comparison(.greater), 1)
            case ("!", _): add(.not, 1)
            case ("&", _): throw failure("a single & means nothing here; write && for and")
            case ("|", _): throw failure("a single | means nothing here; write || for or")
            case ("=", _): throw failure("a single = means nothing here; write == to compare")
            default:
                guard isWord(character) else { throw failure("the character \(character) means nothing here") }
                var end = position
                while end < characters.count {
                    // A hyphen belongs to a name like free-listed where letters follow.
                    let isHyphen =
                        characters[end] == "-" && end > position && end + 1 < characters.count
                        && characters[end + 1].isLetter
                    guard isWord(characters[end]) || isHyphen else { break }
                    end += 1
                }
                let word = String(characters[position..<end])
                if character.isNumber {
                    guard let value = number(word) else {
                        throw failure("\(word) is not a number of 64 bits; write 4096, 0x1000 or 4K")
                    }
                    add(.number(value), end - position)
                } else {
                    switch word.lowercased() {
                    case "and": add(.and, 3)
                    case "or": add(.or, 2)
                    case "not": add(.not, 3)
                    default: add(.name(word), end - position)
                    }
                }
            }
        }
        tokens.append(FilterToken(kind: .end, column: characters.count + 1))
        return tokens
    }

    /// Reads `4096`, `0x1000`, `0b11`, `4K`, `2MiB`; underscores may group digits.
    static func number(_ word: String) -> UInt64? {
        let text = word.lowercased().filter { $0 != "_" }
        if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0b") { return UInt64(text.dropFirst(2), radix: 2) }
        let digits = text.prefix { $0.isNumber }
        guard let value = UInt64(digits) else { return nil }
        let shift: UInt64
        switch text.dropFirst(digits.count) {
        case "": return value
        case "k", "kib": shift = 10
        case "m", "mib": shift = 20
        case "g", "gib": shift = 30
        case "t", "tib": shift = 40
        default: return nil
        }
        let (product, overflow) = value.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : product
    }
}
