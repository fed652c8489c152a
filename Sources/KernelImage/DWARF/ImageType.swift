/// A type of the kernel as its debug information describes it.
public struct ImageType: Hashable, Sendable {
    /// What a type is made of.
    public indirect enum Shape: Hashable, Sendable {
        /// Members: a structure, a union, or the variants of an enumeration that carries data.
        case members([ImageMember])
        /// An integer, a Boolean, a character, a float, an enumeration without data.
        case scalar(isSigned: Bool)
        /// An address, and what lies there; nil where the debug information does not say.
        case pointer(to: ImageTypeReference?)
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
    /// Which payload is there, for an enumeration that carries data; its payloads are among the members too.
    public var variants: ImageVariants?

    /// A type.
    public init(name: String, size: Int, shape: Shape, variants: ImageVariants? = nil) {
        self.name = name
        self.size = size
        self.shape = shape
        self.variants = variants
    }

    /// Its name without path and generic arguments: `BTreeMap` of `alloc::collections::btree::map::BTreeMap<u64, u8>`.
    public var plainName: Substring {
        let base = name.prefix { $0 != "<" }
        guard let colon = base.lastIndex(of: ":") else { return base }
        return base[base.index(after: colon)...]
    }

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

/// A type that an address leads to, to be looked up when it is needed: such types may contain each other.
public struct ImageTypeReference: Hashable, Sendable {
    /// Its name without the path.
    public var name: String
    /// Where the debug information describes it.
    let offset: UInt64
}

/// The variants of an enumeration that carries data.
public struct ImageVariants: Hashable, Sendable {
    /// One variant.
    public struct Variant: Hashable, Sendable {
        /// Its name.
        public var name: String
        /// What the discriminant holds for it; nil: whatever no other variant has.
        public var value: UInt64?
        /// First byte of the payload.
        public var offset: Int
        /// The payload.
        public var payload: ImageType
    }

    /// First byte of the discriminant; nil where there is only one variant.
    public var discriminantOffset: Int?
    /// Bytes of the discriminant; a niche is as wide as the value whose unused bits it takes.
    public var discriminantSize: Int
    /// The variants.
    public var all: [Variant]
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

    /// The single value inside wrappers, and its distance from the start of the type.
    public var unwrappedWithPlace: (offset: Int, type: ImageType) { unwrappedWithOffset(depth: 0) }

    private func unwrappedWithOffset(depth: Int) -> (offset: Int, type: ImageType) {
        // Zero-sized markers take no part; alignment wrappers have the size of their content.
        let content = members.filter { $0.type.size > 0 }
        guard depth < 12, content.count == 1, let only = content.first, only.type.size == size else { return (0, self) }
        let inner = only.type.unwrappedWithOffset(depth: depth + 1)
        return (only.offset + inner.offset, inner.type)
    }
}
