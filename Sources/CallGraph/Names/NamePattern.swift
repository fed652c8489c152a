/// A pattern for the path of a function, like `core::panicking::*` or `*::SpinLock::lock`.
///
/// Paths are compared without generic arguments and without the crate: `memory::buddy::alloc` matches
/// `kernel::memory::buddy::alloc`. A `*` stands for any text.
public struct NamePattern: Hashable, Sendable, Codable, CustomStringConvertible {
    /// The pattern as it is written.
    public let description: String
    private let pieces: [[UInt8]]

    /// A pattern.
    public init(_ text: String) {
        description = text
        pieces = text.split(separator: "*", omittingEmptySubsequences: false).map { Array($0.utf8) }
    }

    /// Reads the pattern's text.
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    /// Writes the pattern's text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Whether a function of this demangled name is meant.
    public func matches(function name: String) -> Bool { NamePattern.paths(of: name).contains { matches($0) } }

    /// Whether a path, or what follows one of its `::`, is as the pattern says.
    func matches(_ path: [UInt8]) -> Bool {
        var start = 0
        while true {
            if matches(path, from: start) { return true }
            guard let next = NamePattern.component(after: start, in: path) else { return false }
            start = next
        }
    }

    private static func component(after start: Int, in path: [UInt8]) -> Int? {
        var index = start
        while index + 1 < path.count {
            if path[index] == 0x3A, path[index + 1] == 0x3A { return index + 2 }
            index += 1
        }
        return nil
    }

    private func matches(_ path: [UInt8], from start: Int) -> Bool {
        guard let first = pieces.first, let last = pieces.last else { return false }
        guard pieces.count > 1 else { return path[start...].elementsEqual(first) }
        guard path.count - start >= first.count + last.count, path[start...].starts(with: first),
            path.suffix(last.count).elementsEqual(last)
        else { return false }
        var position = start + first.count
        let end = path.count - last.count
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = NamePattern.find(piece, in: path, from: position, to: end) else { return false }
            position = found + piece.count
        }
        return true
    }

    private static func find(_ piece: [UInt8], in path: [UInt8], from start: Int, to end: Int) -> Int? {
        guard piece.count <= end - start else { return nil }
        for index in start...(end - piece.count) where path[index..<(index + piece.count)].elementsEqual(piece) {
            return index
        }
        return nil
    }

    /// The forms of a demangled path that patterns are held against: without generic arguments, and for a trait's
    /// method on a type both `Type::method` and `Trait::method`.
    static func paths(of name: String) -> [[UInt8]] {
        let bytes = Array(name.utf8)
        guard bytes.first == 0x3C, let end = closing(bytes, from: 0) else { return [withoutArguments(bytes[...])] }
        let inner = bytes[1..<end]
        let rest = withoutArguments(bytes[(end + 1)...])
        if let split = position(of: Array(" as ".utf8), in: inner) {
            return [inner[..<split], inner[(split + 4)...]].map { withoutArguments($0) + rest }
        }
        // An inherent method of a type that is itself in angle brackets.
        let subject =
            inner.first == 0x3C ? paths(of: String(decoding: inner, as: UTF8.self)) : [withoutArguments(inner)]
        return subject.map { $0 + rest }
    }

    private static func withoutArguments(_ path: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        var depth = 0
        var previous: UInt8 = 0
        for byte in path {
            switch byte {
            case 0x3C: depth += 1
            // The arrow of a function type closes nothing.
            case 0x3E where previous != 0x2D: depth = max(0, depth - 1)
            default: if depth == 0 { result.append(byte) }
            }
            previous = byte
        }
        // `Vec::<T>::push` and `Type<T>::f` leave no empty components.
        var tidy: [UInt8] = []
        for byte in result {
            if byte == 0x3A, tidy.count >= 2, tidy[tidy.count - 1] == 0x3A, tidy[tidy.count - 2] == 0x3A { continue }
            tidy.append(byte)
        }
        while tidy.last == 0x3A { tidy.removeLast() }
        return tidy
    }

    /// Where the bracket that opens at `start` is closed.
    private static func closing(_ bytes: [UInt8], from start: Int) -> Int? {
        var depth = 0
        for index in start..<bytes.count {
            if bytes[index] == 0x3C { depth += 1 }
            if bytes[index] == 0x3E, index > 0, bytes[index - 1] != 0x2D {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    /// Where a word is, outside all brackets.
    private static func position(of word: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        var depth = 0
        for index in bytes.indices {
            if bytes[index] == 0x3C { depth += 1 }
            if bytes[index] == 0x3E { depth -= 1 }
            if depth == 0, bytes[index...].starts(with: word) { return index }
        }
        return nil
    }
}
