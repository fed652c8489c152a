/// Finds the elements of a stub's XML documents: what target descriptions need, and no more.
///
/// Comments are passed over (QEMU's have registers in them), as are declarations and processing instructions. It never
/// fails: what is no markup is text.
enum MarkupScanner {
    /// An element's start.
    struct Element: Hashable, Sendable {
        /// Its name with its prefix.
        var name: String
        /// Its attributes, entities resolved.
        var attributes: [String: String]
        /// The text up to the next markup, without white space around it.
        var text: String
    }

    /// The elements in the order of their start tags.
    static func elements(of document: String) -> [Element] {
        let bytes = Array(document.utf8)
        var elements: [Element] = []
        var index = 0
        while let open = find(0x3C, in: bytes, from: index) {
            if starts(bytes, at: open, with: "<!--") {
                guard let end = find("-->", in: bytes, from: open + 4) else { break }
                index = end
            } else if starts(bytes, at: open, with: "<?") {
                guard let end = find("?>", in: bytes, from: open + 2) else { break }
                index = end
            } else if starts(bytes, at: open, with: "<!") {
                guard let end = find("]>", in: bytes, from: open, orFirst: ">") else { break }
                index = end
            } else if starts(bytes, at: open, with: "</") {
                guard let end = find(0x3E, in: bytes, from: open) else { break }
                index = end + 1
            } else {
                guard let end = tagEnd(bytes, from: open + 1) else { break }
                let next = find(0x3C, in: bytes, from: end + 1) ?? bytes.count
                if var element = parse(bytes[(open + 1)..<end]) {
                    element.text = trimmed(bytes[(end + 1)..<next])
                    elements.append(element)
                }
                index = end + 1
            }
        }
        return elements
    }

    // MARK: Searching

    private static func find(_ byte: UInt8, in bytes: [UInt8], from start: Int) -> Int? {
        start < bytes.count ? bytes[start...].firstIndex(of: byte) : nil
    }

    private static func starts(_ bytes: [UInt8], at index: Int, with text: StaticString) -> Bool {
        text.withUTF8Buffer { text in
            index + text.count <= bytes.count && bytes[index..<(index + text.count)].elementsEqual(text)
        }
    }

    /// The index behind `text`.
    private static func find(_ text: StaticString, in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index < bytes.count {
            if starts(bytes, at: index, with: text) { return index + text.utf8CodeUnitCount }
            index += 1
        }
        return nil
    }

    /// The index behind a declaration: it ends at the first `>`, unless it has an internal subset in brackets.
    private static func find(
        _ text: StaticString, in bytes: [UInt8], from start: Int, orFirst short: StaticString
    ) -> Int? {
        guard let end = find(short, in: bytes, from: start) else { return nil }
        return bytes[start..<end].contains(0x5B) ? find(text, in: bytes, from: start) : end
    }

    /// The index of the `>` that ends a tag; one between quotation marks does not.
    private static func tagEnd(_ bytes: [UInt8], from start: Int) -> Int? {
        var quote: UInt8?
        for index in start..<bytes.count {
            let byte = bytes[index]
            if let open = quote {
                if byte == open { quote = nil }
            } else if byte == 0x22 || byte == 0x27 {
                quote = byte
            } else if byte == 0x3E {
                return index
            }
        }
        return nil
    }

    // MARK: Tags

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func parse(_ tag: ArraySlice<UInt8>) -> Element? {
        var rest = tag
        if rest.last == 0x2F { rest.removeLast() }
        let name = rest.prefix { !isSpace($0) }
        guard !name.isEmpty else { return nil }
        rest = rest[name.endIndex...]
        var attributes: [String: String] = [:]
        while true {
            rest = rest.drop(while: isSpace)
            guard let sign = rest.firstIndex(of: 0x3D) else { break }
            let key = trimmed(rest[..<sign])
            let value = rest[(sign + 1)...].drop(while: isSpace)
            guard let quote = value.first, quote == 0x22 || quote == 0x27,
                let end = value.dropFirst().firstIndex(of: quote)
            else { break }
            attributes[key] = unescaped(value[(value.startIndex + 1)..<end])
            rest = value[(end + 1)...]
        }
        return Element(name: String(decoding: name, as: UTF8.self), attributes: attributes, text: "")
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        var slice = bytes.drop(while: isSpace)
        while let last = slice.last, isSpace(last) { slice.removeLast() }
        return unescaped(slice)
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard bytes.contains(0x26) else { return text }
        return text.replacing("&lt;", with: "<").replacing("&gt;", with: ">").replacing("&quot;", with: "\"")
            .replacing("&apos;", with: "'").replacing("&amp;", with: "&")
    }
}
