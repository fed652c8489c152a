internal import GuestMemory

/// Puts the entries of the ownership map into columns.
struct OwnershipVisitor: TreeVisitor {
    /// Capabilities of all entries together that are kept.
    static let maximumCapabilities = 1 << 22

    private let layout: OwnershipLayout
    private let vectors: SmallVectorReader
    private var last: (base: UInt64, order: UInt64)?
    private(set) var table: OwnershipTable

    init(layout: OwnershipLayout, stateNames: [String], reader: PageReader) {
        self.layout = layout
        vectors = SmallVectorReader(layout: layout.capabilities, reader: reader)
        let vector = layout.capabilities
        table = OwnershipTable(
            stateNames: stateNames,
            offsets: OwnershipTable.FieldOffsets(
                state: layout.state.offset, refcount: layout.refcount.offset,
                transientRefs: layout.transientRefs.offset, capabilities: layout.capabilitiesOffset,
                inlineCapabilityCount: layout.capabilitiesOffset + vector.capacity.offset,
                spilledCapabilityCount: layout.capabilitiesOffset + vector.length.offset))
    }

    mutating func visit(_ entries: TreeEntries) async throws(MemoryError) -> String? {
        for index in entries.range {
            let key = entries.leaf + layout.tree.keys.offset + index * layout.tree.keys.stride
            let distance = layout.tree.values.offset + index * layout.tree.values.stride
            let value = entries.leaf + distance
            let base = key.number(layout.base)
            let order = key.number(layout.order)
            if let last, (base, order) <= last {
                return "the keys do not ascend: the block at 0x\(String(base, radix: 16)) comes after the one at "
                    + "0x\(String(last.base, radix: 16))"
            }
            last = (base, order)
            table.append(
                base: base, order: order, state: value.number(layout.state), refcount: value.number(layout.refcount),
                transientRefs: value.number(layout.transientRefs), address: entries.address &+ UInt64(distance))
            let vector = value + layout.capabilitiesOffset
            if let elements = vectors.inline(vector) {
                table.appendCapabilities(elements, layout.capability)
                continue
            }
            switch try await vectors.spilled(vector) {
            case .elements(let elements):
                guard table.capabilityCount + elements.count <= OwnershipVisitor.maximumCapabilities else {
                    return "there are more than \(OwnershipVisitor.maximumCapabilities) capabilities"
                }
                table.appendCapabilities(elements, layout.capability)
            case .damaged(let text): table.note("the entry of the block at 0x\(String(base, radix: 16)): \(text)")
            }
        }
        return nil
    }
}
