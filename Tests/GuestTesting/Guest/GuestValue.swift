/// A JSON value as the test kernel prints it: integers of 64 bits, no fractions, no escapes but `\"` and `\\`.
public enum GuestValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case boolean(Bool)
    /// A number; a negative one as its two's complement.
    case number(UInt64)
    /// Text.
    case text(String)
    /// A list.
    case list([GuestValue])
    /// Members by name.
    case object([String: GuestValue])

    /// Reads one value that fills the whole line.
    ///
    /// - Throws: ``TestProcessError`` that shows the line.
    public init(line: some Collection<UInt8>) throws {
        var parser = GuestValueParser(bytes: Array(line))
        guard let value = parser.value(), parser.isAtEnd else {
            throw TestProcessError("the guest wrote no JSON: \(String(decoding: line.prefix(400), as: UTF8.self))")
        }
        self = value
    }

    /// The member with this name, or null.
    public subscript(name: String) -> GuestValue {
        if case .object(let members) = self { members[name] ?? .null } else { .null }
    }

    /// The number, or nil where this is something else.
    public var number: UInt64? {
        if case .number(let value) = self { value } else { nil }
    }

    /// The text, or nil where this is something else.
    public var text: String? {
        if case .text(let value) = self { value } else { nil }
    }

    /// The truth value, or nil where this is something else.
    public var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The elements; empty where this is no list.
    public var list: [GuestValue] {
        if case .list(let values) = self { values } else { [] }
    }

    /// The members; empty where this is no object.
    public var members: [String: GuestValue] {
        if case .object(let members) = self { members } else { [:] }
    }
}

/// Recursive descent over bytes; nil where the text is not what the kernel prints.
struct GuestValueParser {
    var bytes: [UInt8]
    var position = 0

    var isAtEnd: Bool { position == bytes.count }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: Character) -> Bool {
        guard let ascii = byte.asciiValue, next == ascii else { return false }
        position += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[position...].starts(with: word.utf8) else { return false }
        position += word.utf8.count
        return true
    }

    mutating func value() -> GuestValue? {
        switch next {
        case UInt8(ascii: "{"): return object()
        case UInt8(ascii: "["): return list()
        case UInt8(ascii: "\""): return string().map(GuestValue.text)
        case UInt8(ascii: "t"): return take(word: "true") ? .boolean(true) : nil
        case UInt8(ascii: "f"): return take(word: "false") ? .boolean(false) : nil
        case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
        default: return number()
        }
    }

    private mutating func number() -> GuestValue? {
        let negative = take("-")
        var value: UInt64 = 0
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
            position += 1
        }
        return position > start ? .number(negative ? 0 &- value : value) : nil
    }

    private mutating func string() -> String? {
        guard take("\"") else { return nil }
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), let escaped = next {
                position += 1
                text.append(escaped)
            } else {
                text.append(byte)
            }
        }
        return nil
    }

    private mutating func list() -> GuestValue? {
        guard take("[") else { return nil }
        var values: [GuestValue] = []
        if take("]") { return .list(values) }
        repeat {
            guard let value = value() else { return nil }
            values.append(value)
        } while take(",")
        return take("]") ? .list(values) : nil
    }

    private mutating func object() -> GuestValue? {
        guard take("{") else { return nil }
        var members: [String: GuestValue] = [:]
        if take("}") { return .object(members) }
        repeat {
            guard let name = string(), take(":"), let value = value() else { return nil }
            members[name] = value
        } while take(",")
        return take("}") ? .object(members) : nil
    }
}
