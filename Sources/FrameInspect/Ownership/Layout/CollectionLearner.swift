internal import KernelImage

/// Learns from debug information where the kernel keeps its collections.
///
/// Names of the kernel's own types and members come from the profile; those of Rust's library and of the `smallvec` crate are here.
struct CollectionLearner {
    let image: KernelImage
    let profile: KernelProfile
    /// Types of the anchors' variables, by their paths.
    let variables: [String: ImageType]
    /// Types by the paths of the profile.
    let types: [String: ImageType]

    /// How deep wrappers are followed.
    private static let maximumWrappers = 48

    /// Where ownership is recorded.
    func ownership(_ names: OwnershipProfile) throws(ImageError) -> OwnershipLayout {
        let (path, map) = try find("BTreeMap", path: names.map, in: variable(names.anchor))
        let (tree, key, value) = try tree(map)
        let vector = try place(names.entry.capabilities, in: value)
        let (capabilities, element) = try smallVector(vector.type)
        return OwnershipLayout(
            map: path, tree: tree, base: try field(names.key.base, in: key), order: try field(names.key.order, in: key),
            state: try field(names.entry.state, in: value), refcount: try field(names.entry.refcount, in: value),
            transientRefs: try field(names.entry.transientRefs, in: value), capabilitiesOffset: vector.offset,
            capabilities: capabilities, capability: try scalar(element))
    }

    /// Where mappings are recorded.
    func mappings(_ names: MappingProfile) throws(ImageError) -> MappingLayout {
        let (path, map) = try find("BTreeMap", path: names.map, in: variable(names.anchor))
        let (tree, key, value) = try tree(map)
        let (vector, element) = try smallVector(value)
        return MappingLayout(
            map: path, tree: tree, capability: try scalar(key), mappings: vector,
            space: try field(names.mapping.space, in: element), address: try field(names.mapping.address, in: element),
            size: try field(names.mapping.size, in: element))
    }

    /// Where address spaces are listed.
    func addressSpaces(_ names: AddressSpaceProfile) throws(ImageError) -> AddressSpaceLayout {
        let (path, vector) = try find("Vec", path: names.list, in: variable(names.anchor))
        guard let element = types[names.type] else {
            throw ImageError(.noSuchType, "the debug information has no type \(names.type)")
        }
        return AddressSpaceLayout(
            list: path, vector: try heapVector(vector, element: element),
            identifier: try field(names.identifier, in: element), root: try field(names.root, in: element))
    }

    /// The words to check around a value of a type of the profile.
    func guards(around path: String, in type: ImageType) throws(ImageError) -> CellPath {
        let last = path.split(separator: ":").last.map(String.init) ?? path
        return try find(last, path: "", in: type).0
    }

    // MARK: Wrappers

    private func variable(_ anchor: String) throws(ImageError) -> ImageType {
        let path = profile.anchors[anchor] ?? anchor
        guard let type = variables[path] else {
            throw ImageError(.noSuchType, "the debug information has no variable \(path)")
        }
        return type
    }

    /// Follows wrappers and the members of `path` until a type called `name`.
    private func find(
        _ name: String, path: String, in start: ImageType
    ) throws(ImageError) -> (CellPath, ImageType) {
        var rest = path.split(separator: ".").map(String.init)[...]
        var result = CellPath(offset: 0, guards: [])
        var type = start
        for _ in 0..<CollectionLearner.maximumWrappers {
            if rest.isEmpty, type.plainName == name { return (result, type) }
            if let cell = profile.cells?.first(where: { type.plainName == $0.type }) {
                let state = try field(cell.state, in: type)
                result.guards.append(
                    CellGuard(
                        kind: cell.kind == .once ? .once : .lock, type: cell.type,
                        field: AllocatorLayout.Field(offset: result.offset + state.offset, width: state.width),
                        accepted: cell.ready.value, refused: []))
                let content = try place(cell.content, in: type)
                result.offset += content.offset
                type = content.type
            } else if let first = rest.first, let member = type.members.first(where: { $0.name == first }) {
                rest = rest.dropFirst()
                result.offset += member.offset
                type = member.type
            } else if let (some, tag) = CollectionLearner.some(of: type, at: result.offset) {
                if let tag { result.guards.append(tag) }
                result.offset += some.offset
                type = some.payload
            } else {
                let content = type.members.filter { $0.type.size > 0 }
                guard content.count == 1, let only = content.first else { break }
                result.offset += only.offset
                type = only.type
            }
        }
        if let first = rest.first {
            let names = type.members.map(\.name).joined(separator: ", ")
            throw ImageError(
                .noSuchMember, "the type \(type.name) has no member \(first)\(names.isEmpty ? "" : "; it has \(names)")"
            )
        }
        throw ImageError(
            .noSuchType,
            "no \(name) is inside \(start.name): what is there is \(type.name.isEmpty ? "nothing" : type.name)")
    }

    /// The payload of an option, and the word that says whether it is there.
    private static func some(
        of type: ImageType, at offset: Int
    ) -> (payload: ImageVariants.Variant, tag: CellGuard?)? {
        guard type.plainName == "Option", let variants = type.variants,
            let some = variants.all.first(where: { $0.name == "Some" })
        else { return nil }
        guard let tag = variants.discriminantOffset, [1, 2, 4, 8].contains(variants.discriminantSize) else {
            return (some, nil)
        }
        return (
            some,
            CellGuard(
                kind: .option, type: "Option",
                field: AllocatorLayout.Field(offset: offset + tag, width: variants.discriminantSize),
                accepted: some.value,
                refused: variants.all.filter { $0.name != "Some" }.compactMap(\.value))
        )
    }

    // MARK: Collections

    /// A map's form, and the types of its keys and values.
    private func tree(_ map: ImageType) throws(ImageError) -> (TreeLayout, key: ImageType, value: ImageType) {
        let root = try place("root", in: map)
        var reference = (offset: root.offset, type: root.type)
        var rootGuard: CellGuard?
        if let (some, tag) = CollectionLearner.some(of: root.type, at: root.offset) {
            rootGuard = tag
            reference = (root.offset + some.offset, some.payload)
        }
        let node = try reference.type.member(path: "node")
        let height = try reference.type.member(path: "height")
        let leaf = try target(of: node.type, name: "the root of \(map.name)")
        let parent = try place("parent", in: leaf)
        let inner = try target(
            of: CollectionLearner.pointer(in: parent.type)?.type ?? parent.type, name: "a node's parent")
        let keys = try elements("keys", in: leaf)
        let values = try elements("vals", in: leaf)
        let edges = try elements("edges", in: inner)
        let data = try place("data", in: inner)
        guard keys.count == values.count, edges.count == keys.count + 1, (1...512).contains(keys.count),
            edges.type.size == 8, leaf.size <= 1 << 20, inner.size <= 1 << 20, leaf.size > 0
        else {
            throw ImageError(.malformed, "the nodes of \(map.name) have a form that is not a B-tree's")
        }
        let layout = TreeLayout(
            rootNode: AllocatorLayout.Field(offset: reference.offset + node.offset, width: 8),
            rootHeight: AllocatorLayout.Field(offset: reference.offset + height.offset, width: height.size),
            rootGuard: rootGuard, length: try field("length", in: map), mapSize: map.size, leafSize: leaf.size,
            internalSize: inner.size, leafOffset: data.offset, nodeLength: try field("len", in: leaf),
            keys: RowLayout(offset: keys.offset, stride: keys.type.size),
            values: RowLayout(offset: values.offset, stride: values.type.size), capacity: keys.count,
            edges: RowLayout(offset: edges.offset, stride: 8))
        return (layout, keys.type, values.type)
    }

    /// A small vector's form, and the type of its elements: both the tagged and the untagged one.
    private func smallVector(_ vector: ImageType) throws(ImageError) -> (SmallVectorLayout, element: ImageType) {
        let capacity = try field("capacity", in: vector)
        let data = try place("data", in: vector)
        let members = data.type.members
        guard let inline = members.first(where: { $0.name.lowercased() == "inline" }),
            let heap = members.first(where: { $0.name.lowercased() == "heap" }),
            let elements = CollectionLearner.array(in: inline.type),
            let pointer = CollectionLearner.pointer(in: heap.type),
            let length = CollectionLearner.length(in: heap.type)
        else {
            throw ImageError(.noSuchMember, "the type \(vector.name) has not the form of a small vector")
        }
        var tag: CellGuard?
        if let variants = data.type.variants, let place = variants.discriminantOffset,
            [1, 2, 4, 8].contains(variants.discriminantSize)
        {
            let name = heap.name
            tag = CellGuard(
                kind: .option, type: "SmallVecData",
                field: AllocatorLayout.Field(offset: data.offset + place, width: variants.discriminantSize),
                accepted: variants.all.first { $0.name == name }?.value,
                refused: variants.all.filter { $0.name != name }.compactMap(\.value))
        }
        let layout = SmallVectorLayout(
            size: vector.size, capacity: capacity,
            inline: RowLayout(offset: data.offset + inline.offset + elements.offset, stride: elements.type.size),
            inlineCapacity: elements.count,
            pointer: AllocatorLayout.Field(offset: data.offset + heap.offset + pointer.offset, width: 8),
            length: AllocatorLayout.Field(offset: data.offset + heap.offset + length, width: 8), heapGuard: tag)
        return (layout, elements.type)
    }

    /// A vector's form.
    private func heapVector(_ vector: ImageType, element: ImageType) throws(ImageError) -> VectorLayout {
        let buffer = try place("buf", in: vector)
        guard let pointer = CollectionLearner.pointer(in: buffer.type), element.size > 0 else {
            throw ImageError(.noSuchMember, "the type \(vector.name) has not the form of a vector")
        }
        return VectorLayout(
            size: vector.size, pointer: AllocatorLayout.Field(offset: buffer.offset + pointer.offset, width: 8),
            length: try field("len", in: vector), stride: element.size)
    }

    // MARK: Members

    private func target(of pointer: ImageType, name: String) throws(ImageError) -> ImageType {
        guard let found = CollectionLearner.pointer(in: pointer), case .pointer(let reference?) = found.type.shape
        else { throw ImageError(.noSuchType, "the debug information does not say what \(name) points to") }
        return try image.target(of: reference)
    }

    /// A member as it is, wrappers included.
    private func place(_ path: String, in type: ImageType) throws(ImageError) -> (offset: Int, type: ImageType) {
        var offset = 0
        var current = type
        for name in path.split(separator: ".") {
            guard let member = current.members.first(where: { $0.name == name }) else {
                let names = current.members.map(\.name).joined(separator: ", ")
                throw ImageError(
                    .noSuchMember,
                    "the type \(current.name) has no member \(name)\(names.isEmpty ? "" : "; it has \(names)")")
            }
            offset += member.offset
            current = member.type
        }
        return (offset, current)
    }

    /// A number in a structure.
    private func field(_ path: String, in type: ImageType) throws(ImageError) -> AllocatorLayout.Field {
        let member = try type.member(path: path)
        guard [1, 2, 4, 8].contains(member.size), member.count == 1 else {
            throw ImageError(
                .noSuchMember, "\(path) of the type \(type.name) has \(member.size) bytes; numbers have 1, 2, 4 or 8")
        }
        return AllocatorLayout.Field(offset: member.offset, width: member.size)
    }

    /// A number that is the whole of a type, behind newtypes.
    private func scalar(_ type: ImageType) throws(ImageError) -> AllocatorLayout.Field {
        let inner = type.unwrappedWithPlace
        guard [1, 2, 4, 8].contains(inner.type.size), inner.type.members.isEmpty else {
            throw ImageError(.noSuchMember, "the type \(type.name) is not a number")
        }
        return AllocatorLayout.Field(offset: inner.offset, width: inner.type.size)
    }

    /// The elements of an array member; each element may be wrapped.
    private func elements(
        _ name: String, in type: ImageType
    ) throws(ImageError) -> (offset: Int, count: Int, type: ImageType) {
        let member = try place(name, in: type)
        guard let array = CollectionLearner.array(in: member.type) else {
            throw ImageError(.noSuchMember, "\(name) of the type \(type.name) is not an array")
        }
        return (member.offset + array.offset, array.count, array.type)
    }

    /// The array behind wrappers, with its elements unwrapped as far as they are one value.
    private static func array(in type: ImageType) -> (offset: Int, count: Int, type: ImageType)? {
        var offset = 0
        var current = type
        for _ in 0..<maximumWrappers {
            if case .array(let element, let count) = current.shape { return (offset, count, content(of: element)) }
            let members = current.members.filter { $0.type.size > 0 }
            guard members.count == 1, let only = members.first else { return nil }
            offset += only.offset
            current = only.type
        }
        return nil
    }

    /// What is inside the library's wrappers for memory that may not be initialised.
    private static func content(of type: ImageType) -> ImageType {
        var current = type
        for _ in 0..<maximumWrappers {
            guard ["MaybeUninit", "ManuallyDrop", "MaybeDangling", "UnsafeCell"].contains(current.plainName) else {
                break
            }
            let members = current.members.filter { $0.type.size > 0 }
            guard members.count == 1, let only = members.first, only.offset == 0 else { break }
            current = only.type
        }
        return current
    }

    /// The first pointer in a type, in the order of its members.
    private static func pointer(in type: ImageType, depth: Int = 0) -> (offset: Int, type: ImageType)? {
        if case .pointer = type.shape { return (0, type) }
        guard depth < 16 else { return nil }
        for member in type.members where member.type.size > 0 {
            if let found = pointer(in: member.type, depth: depth + 1) {
                return (member.offset + found.offset, found.type)
            }
        }
        return nil
    }

    /// The first number of 8 bytes in a type that is not an address.
    private static func length(in type: ImageType, depth: Int = 0) -> Int? {
        if case .scalar = type.shape { return type.size == 8 ? 0 : nil }
        guard depth < 16 else { return nil }
        for member in type.members where member.type.size > 0 {
            if let found = length(in: member.type, depth: depth + 1) { return member.offset + found }
        }
        return nil
    }
}
