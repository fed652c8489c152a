/// A number of a profile: written as a JSON number or as text (`"0x1000"`, `"0b11"`, `"4096"`).
public struct ProfileNumber: Hashable, Sendable, Codable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// The value.
    public var value: UInt64

    /// Wraps a value.
    public init(_ value: UInt64) { self.value = value }

    /// A literal.
    public init(integerLiteral value: UInt64) { self.value = value }

    /// Reads a JSON number or text with an optional `0x` or `0b` prefix.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let text = try? container.decode(String.self) else {
            value = try container.decode(UInt64.self)
            return
        }
        let digits = text.filter { $0 != "_" }
        let parsed: UInt64? =
            if digits.hasPrefix("0x") {
                UInt64(digits.dropFirst(2), radix: 16)
            } else if digits.hasPrefix("0b") {
                UInt64(digits.dropFirst(2), radix: 2)
            } else {
                UInt64(digits)
            }
        guard let parsed else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "\"\(text)\" is not a number of 64 bits; write 4096 or \"0x1000\"")
        }
        value = parsed
    }

    /// Writes hexadecimal text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Hexadecimal with prefix.
    public var description: String { "0x" + String(value, radix: 16) }
}
