/// A type of the kernel as its debug information describes it.
public struct ImageType: Hashable, Sendable {
    /// What a type is made of.
    public indirect enum Shape: Hashable, Sendable {
        /// Members: a structure, a union, or the variants of an enumeration that carries data.
        case members([ImageMember])
        /// An integer, a Boolean, a character, a float, an enumeration without data.
        case scalar(isSigned: Bool)
        /// An address.
        case pointer
        /// Elements in a row; several dimensions are arrays of arrays.
        case array(element: ImageType, count: Int)
        /// Not looked into.
        case opaque
    }

    /// Its name, with the path where the debug information gives one.
    public var name: String
    /// Bytes.
    public var size: Int
    /// What it is made of.
    public var shape: Shape

    /// The members; none for what has none.
    public var members: [ImageMember] { if case .members(let members) = shape { members } else { [] } }
}

/// A member of a structure.
public struct ImageMember: Hashable, Sendable {
    /// Its name; `__0` and so on in tuples.
    public var name: String
    /// First byte in the structure.
    public var offset: Int
    /// Its type.
    public var type: ImageType
}

/// Where a path of members ends.
public struct ResolvedMember: Hashable, Sendable {
    /// First byte, from the beginning of the type the path started from.
    public var offset: Int
    /// Bytes of one element.
    public var size: Int
    /// Number of elements; 1 for what is no array.
    public var count: Int
    /// The element's type.
    public var type: ImageType
}

extension ImageType {
    /// Follows a path like `free_link.next`; wrappers around a single value (atomics, cells) are seen through at its end.
    ///
    /// - Throws: ``ImageError`` with code `.noSuchMember` and the names there are.
    public func member(path: String) throws(ImageError) -> ResolvedMember {
        var offset = 0
        var current = self
        for name in path.split(separator: ".") {
            guard let member = current.named(String(name), depth: 0) else {
                let names = current.members.map(\.name).joined(separator: ", ")
                throw ImageError(
                    .noSuchMember,
                    "the type \(current.name) has no member \(name)\(names.isEmpty ? "" : "; it has \(names)")")
            }
            offset += member.offset
            current = member.type
        }
        var count = 1
        while case .array(let element, let length) = current.unwrapped.shape {
            count = count.multipliedReportingOverflow(by: length).partialValue
            current = element
        }
        let unwrapped = current.unwrappedWithOffset(depth: 0)
        return ResolvedMember(
            offset: offset + unwrapped.offset, size: unwrapped.type.size, count: count, type: unwrapped.type)
    }

    /// Distance from the start of this type to the first value of type `path` inside it, wrappers and variants included.
    public func offset(ofType path: String) -> Int? { offset(ofType: path, depth: 0) }

    private func offset(ofType path: String, depth: Int) -> Int? {
        if SymbolPath.ends(name, in: path) { return 0 }
        guard depth < 12 else { return nil }
        switch shape {
        case .members(let members):
            for member in members {
                if let inner = member.type.offset(ofType: path, depth: depth + 1) { return member.offset + inner }
            }
            return nil
        case .array(let element, let count): return count > 0 ? element.offset(ofType: path, depth: depth + 1) : nil
        default: return nil
        }
    }

    /// The member of a name, also behind wrappers that have it as their only content.
    private func named(_ name: String, depth: Int) -> ImageMember? {
        if let member = members.first(where: { $0.name == name }) { return member }
        let content = members.filter { $0.type.size > 0 }
        guard depth < 8, content.count == 1, let only = content.first,
            var inner = only.type.named(name, depth: depth + 1)
        else { return nil }
        inner.offset += only.offset
        return inner
    }

    /// The single value inside wrappers, or the type itself.
    public var unwrapped: ImageType { unwrappedWithOffset(depth: 0).type }

    private func unwrappedWithOffset(depth: Int) -> (offset: Int, type: ImageType) {
        // Zero-sized markers take no part; alignment wrappers have the size of their content.
        let content = members.filter { $0.type.size > 0 }
        guard depth < 12, content.count == 1, let only = content.first, only.type.size == size else { return (0, self) }
        let inner = only.type.unwrappedWithOffset(depth: depth + 1)
        return (only.offset + inner.offset, inner.type)
    }
}
