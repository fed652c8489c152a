/// Foreign bytes, shortened and made printable for an error's sentence.
enum Excerpt {
    static let limit = 80

    static func of(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        var count = 0
        for byte in bytes {
            if count == limit {
                text += "..."
                break
            }
            count += 1
            switch byte {
            case 0x0a: text += "\\n"
            case 0x0d: text += "\\r"
            case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16)
                text += "\\x" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return text
    }

    static func of(_ text: some StringProtocol) -> String { of(text.utf8) }
}

extension Excerpt {
    /// A server's sentence without control characters, at most 500 characters of it.
    static func printable(_ text: String) -> String {
        String(text.prefix(500).unicodeScalars.map { $0.properties.generalCategory == .control ? " " : Character($0) })
    }
}
