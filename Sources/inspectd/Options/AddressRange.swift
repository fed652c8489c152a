/// A half-open range of physical addresses: `0x100000..0x200000`, `1M..2M`.
struct AddressRange: Sendable, Equatable {
    /// The first address.
    var start: UInt64
    /// The first address behind.
    var end: UInt64

    /// x86-64 has physical addresses of 52 bits.
    static let limit: UInt64 = 1 << 52

    /// Parses and refuses what no machine has, with a sentence.
    init(parsing text: String) throws(CommandError) {
        func refuse(_ reason: String) -> CommandError {
            CommandError(
                .usage, "the range '\(text)' \(reason); write START..END, for example 0x100000..0x200000 or 1M..2M")
        }
        guard let dots = Self.firstDots(in: text) else { throw refuse("has no '..'") }
        let left = String(text[..<dots])
        let right = String(text[text.index(dots, offsetBy: 2)...])
        guard let start = NumberText.parse(left) else { throw refuse("does not start with an address") }
        guard let end = NumberText.parse(right) else { throw refuse("does not end with an address") }
        guard start < end else { throw refuse("is empty: its end must be above its start") }
        guard end <= Self.limit else { throw refuse("passes the end of physical memory (52 bits, 0x10000000000000)") }
        self.start = start
        self.end = end
    }

    private static func firstDots(in text: String) -> String.Index? {
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            if text[index] == ".", next < text.endIndex, text[next] == "." { return index }
            index = next
        }
        return nil
    }
}
