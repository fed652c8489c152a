/// A JSON document in the order in which it was built; the order of keys is part of the promise to readers.
enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(UInt64)
    case signed(Int64)
    case decimal(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONMembers)
    /// A document that was written before, as text.
    case written(String)

    /// An object from its members.
    static func object(_ members: [(String, JSONValue)]) -> JSONValue { .object(JSONMembers(members)) }

    /// An address or bit pattern as text, since many readers of JSON keep numbers as floating point.
    static func hex(_ value: UInt64) -> JSONValue { .string(Format.hex(value)) }

    /// An address as text, or null.
    static func hex(_ value: UInt64?) -> JSONValue { value.map { .hex($0) } ?? .null }

    /// Text, or null.
    static func string(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }

    /// A number, or null.
    static func number(_ value: UInt64?) -> JSONValue { value.map { .number($0) } ?? .null }

    /// Whether it has no parts.
    private var isScalar: Bool {
        switch self {
        case .array(let elements): elements.isEmpty
        case .object(let members): members.list.isEmpty
        default: true
        }
    }

    /// Appends the document as text: two spaces per level; lists and objects of scalars stand on one line.
    func write(into output: inout [UInt8], level: Int = 0) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let value): output.append(contentsOf: String(value).utf8)
        case .signed(let value): output.append(contentsOf: String(value).utf8)
        case .decimal(let value):
            output.append(contentsOf: (value.isFinite ? Format.fixed(value, decimals: 6) : "null").utf8)
        case .string(let text): Self.append(text, to: &output)
        case .written(let text): output.append(contentsOf: text.utf8)
        case .array(let elements):
            let isInline = elements.allSatisfy(\.isScalar)
            Self.list(elements.count, "[", "]", isInline: isInline, level: level, into: &output) { index, output in
                elements[index].write(into: &output, level: level + 1)
            }
        case .object(let members):
            let list = members.list
            let isInline = level > 0 && list.allSatisfy { $0.value.isScalar }
            Self.list(list.count, "{", "}", isInline: isInline, level: level, into: &output) { index, output in
                Self.append(list[index].key, to: &output)
                output.append(contentsOf: ": ".utf8)
                list[index].value.write(into: &output, level: level + 1)
            }
        }
    }

    /// The document as text with a line end.
    var text: String {
        var output: [UInt8] = []
        write(into: &output)
        output.append(0x0A)
        return String(decoding: output, as: UTF8.self)
    }

    private static func list(
        _ count: Int, _ open: String, _ close: String, isInline: Bool, level: Int, into output: inout [UInt8],
        _ element: (Int, inout [UInt8]) -> Void
    ) {
        output.append(contentsOf: open.utf8)
        for index in 0..<count {
            if index > 0 { output.append(0x2C) }
            if isInline {
                if index > 0 { output.append(0x20) }
            } else {
                output.append(0x0A)
                output.append(contentsOf: repeatElement(0x20, count: 2 * (level + 1)))
            }
            element(index, &output)
        }
        if count > 0, !isInline {
            output.append(0x0A)
            output.append(contentsOf: repeatElement(0x20, count: 2 * level))
        }
        output.append(contentsOf: close.utf8)
    }

    /// Appends a string with quotes; control characters, quotes and backslashes are escaped.
    static func append(_ text: String, to output: inout [UInt8]) {
        output.append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22: output.append(contentsOf: [0x5C, 0x22])
            case 0x5C: output.append(contentsOf: [0x5C, 0x5C])
            case 0x0A: output.append(contentsOf: [0x5C, 0x6E])
            case 0x09: output.append(contentsOf: [0x5C, 0x74])
            case 0..<0x20, 0x7F: output.append(contentsOf: ("\\u" + Format.padded(UInt64(byte), digits: 4)).utf8)
            default: output.append(byte)
            }
        }
        output.append(0x22)
    }
}

/// The members of a JSON object in their order.
struct JSONMembers: Sendable, Equatable {
    /// One key with its value.
    struct Member: Sendable, Equatable {
        var key: String
        var value: JSONValue
    }

    /// All members.
    var list: [Member]

    init(_ members: [(String, JSONValue)]) { list = members.map { Member(key: $0.0, value: $0.1) } }
}
