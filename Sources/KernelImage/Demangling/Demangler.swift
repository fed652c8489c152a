/// Turns a symbol of the Rust compiler into the path that a person wrote, without hash and compiler's suffixes.
public enum Demangler {
    /// The longest symbol that is looked into, and the longest name that comes out, in bytes.
    static let limit = 1 << 16

    /// The readable name; other languages' symbols only lose the compiler's suffixes.
    public static func demangle(_ symbol: String) -> String {
        let bytes = Array(symbol.utf8)
        guard bytes.count <= limit else { return symbol }
        if bytes.starts(with: Array("_R".utf8)), let name = DemanglerV0.demangle(bytes[2...]) { return name }
        for prefix in ["_ZN", "ZN", "__ZN"] where bytes.starts(with: Array(prefix.utf8)) {
            if let name = legacy(bytes[prefix.utf8.count...]) { return name }
        }
        return withoutSuffix(symbol)
    }

    /// Without `.llvm.123`, `.0`, `.cold` and the like, which no source has.
    static func withoutSuffix(_ name: String) -> String {
        guard let first = name.utf8.first, first != 0x2E, let dot = name.firstIndex(of: ".") else { return name }
        return String(name[..<dot])
    }

    // MARK: The scheme of the Itanium C++ ABI, as rustc used it before v0

    private static func legacy(_ bytes: ArraySlice<UInt8>) -> String? {
        var components: [ArraySlice<UInt8>] = []
        var position = bytes.startIndex
        while position < bytes.endIndex, bytes[position] != 0x45 {
            var length = 0
            let start = position
            while position < bytes.endIndex, (0x30...0x39).contains(bytes[position]), length < limit {
                length = length * 10 + Int(bytes[position] - 0x30)
                position += 1
            }
            guard position > start, length > 0, length <= bytes.endIndex - position else { return nil }
            components.append(bytes[position..<(position + length)])
            position += length
        }
        guard position < bytes.endIndex, !components.isEmpty else { return nil }
        let rest = bytes[(position + 1)...]
        guard rest.isEmpty || rest.first == 0x2E || rest.first == 0x40 else { return nil }
        // Rust ends in a hash; without one it is C++.
        guard let last = components.last, isHash(last) else { return nil }
        components.removeLast()
        guard !components.isEmpty else { return nil }
        return components.map(unescaped).joined(separator: "::")
    }

    private static func isHash(_ component: ArraySlice<UInt8>) -> Bool {
        component.count == 17 && component.first == 0x68
            && component.dropFirst().allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    private static let escapes: [String: String] = [
        "SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ",",
    ]

    private static func unescaped(_ component: ArraySlice<UInt8>) -> String {
        var text = String(decoding: component, as: UTF8.self)[...]
        if text.hasPrefix("_$") { text = text.dropFirst() }
        var result = ""
        while let character = text.first {
            if text.hasPrefix("..") {
                result += "::"
                text = text.dropFirst(2)
            } else if character == "$", let end = text.dropFirst().firstIndex(of: "$") {
                let name = String(text[text.index(after: text.startIndex)..<end])
                if let plain = escapes[name] {
                    result += plain
                } else if name.hasPrefix("u"), let value = UInt32(name.dropFirst(), radix: 16),
                    let scalar = Unicode.Scalar(value), value >= 0x20
                {
                    result.unicodeScalars.append(scalar)
                } else {
                    result.append(character)
                    text = text.dropFirst()
                    continue
                }
                text = text[text.index(after: end)...]
            } else {
                result.append(character)
                text = text.dropFirst()
            }
        }
        return result
    }
}
