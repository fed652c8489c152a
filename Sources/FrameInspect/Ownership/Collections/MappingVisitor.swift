internal import GuestMemory

/// Puts the entries of the mapping index into columns.
struct MappingVisitor: TreeVisitor {
    /// Mappings of all capabilities together that are kept.
    static let maximumMappings = 1 << 21

    private let layout: MappingLayout
    private let sizes: [UInt64]
    private let vectors: SmallVectorReader
    private var last: UInt64?
    private(set) var index = MappingIndex()

    init(layout: MappingLayout, sizes: [UInt64], reader: PageReader) {
        self.layout = layout
        self.sizes = sizes
        vectors = SmallVectorReader(layout: layout.mappings, reader: reader)
    }

    mutating func visit(_ entries: TreeEntries) async throws(MemoryError) -> String? {
        for position in entries.range {
            let key = entries.leaf + layout.tree.keys.offset + position * layout.tree.keys.stride
            let distance = layout.tree.values.offset + position * layout.tree.values.stride
            let vector = entries.leaf + distance
            let capability = key.number(layout.capability)
            if let last, capability <= last {
                return "the keys do not ascend: capability \(capability) comes after \(last)"
            }
            last = capability
            index.append(capability: capability, address: entries.address &+ UInt64(distance))
            if let elements = vectors.inline(vector) {
                index.appendMappings(elements, layout, sizes: sizes)
                continue
            }
            switch try await vectors.spilled(vector) {
            case .elements(let elements):
                guard index.mappingCount + elements.count <= MappingVisitor.maximumMappings else {
                    return "there are more than \(MappingVisitor.maximumMappings) mappings"
                }
                index.appendMappings(elements, layout, sizes: sizes)
            case .damaged(let text): index.note("the mappings of capability \(capability): \(text)")
            }
        }
        return nil
    }
}
