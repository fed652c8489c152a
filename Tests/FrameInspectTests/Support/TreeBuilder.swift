import GuestTesting

@testable import FrameInspect

/// Builds an ownership table as a Rust kernel lays it out: a once-cell around a lock around a B-tree map.
struct TreeBuilder {
    struct Owner: Hashable {
        var base: UInt64
        var order: UInt64 = 0
        var state: UInt64 = 1
        var transientRefs: UInt64 = 0
        var capabilities: [UInt64] = []
        var refcount: UInt64 { UInt64(capabilities.count) + transientRefs }
    }

    /// Where the parts of a built table are, to damage them.
    struct Table {
        var anchor: UInt64
        var root: UInt64
        var height: Int
        /// Addresses of all nodes, leaves included, from the root on.
        var nodes: [(address: UInt64, level: Int)]
        var map: UInt64 { anchor + 16 }
    }

    /// Entries per node.
    var capacity = 11
    /// Whether the vectors carry a tag; without, the capacity tells.
    var isTagged = true

    private static let (keySize, valueSize) = (16, 64)
    private var leafSize: Int { capacity * (TreeBuilder.keySize + TreeBuilder.valueSize) + 16 }

    var layout: OwnershipLayout {
        func field(_ offset: Int, _ width: Int) -> AllocatorLayout.Field {
            AllocatorLayout.Field(offset: offset, width: width)
        }
        let (keys, leaf) = (capacity * TreeBuilder.valueSize, leafSize)
        let tree = TreeLayout(
            rootNode: field(0, 8), rootHeight: field(8, 8),
            rootGuard: CellGuard(kind: .option, type: "Option", field: field(0, 8), accepted: nil, refused: [0]),
            length: field(16, 8), mapSize: 24, leafSize: leaf, internalSize: leaf + 8 * (capacity + 1), leafOffset: 0,
            nodeLength: field(leaf - 6, 2), keys: RowLayout(offset: keys, stride: TreeBuilder.keySize),
            values: RowLayout(offset: 0, stride: TreeBuilder.valueSize), capacity: capacity,
            edges: RowLayout(offset: leaf, stride: 8))
        let tag = CellGuard(kind: .option, type: "SmallVecData", field: field(0, 8), accepted: 1, refused: [0])
        let vector = SmallVectorLayout(
            size: 48, capacity: field(40, 8), inline: RowLayout(offset: 8, stride: 8), inlineCapacity: 4,
            pointer: field(16, 8), length: field(8, 8), heapGuard: isTagged ? tag : nil)
        return OwnershipLayout(
            map: CellPath(
                offset: 16,
                guards: [
                    CellGuard(kind: .once, type: "Once", field: field(0, 1), accepted: 2, refused: []),
                    CellGuard(kind: .lock, type: "SpinLock", field: field(8, 1), accepted: 0, refused: []),
                ]), tree: tree, base: field(0, 8), order: field(8, 1), state: field(56, 1), refcount: field(48, 4),
            transientRefs: field(52, 4), capabilitiesOffset: 0, capabilities: vector, capability: field(0, 8))
    }

    /// Lays owners out, in the order given; a height that is asked for must be possible.
    func build(_ owners: [Owner], height: Int? = nil, in kernel: KernelMemory) throws -> Table {
        var least = 0
        while size(ofHeight: least) < owners.count { least += 1 }
        var table = Table(anchor: 0, root: 0, height: height ?? least, nodes: [])
        if !owners.isEmpty { table.root = try node(owners[...], table.height, kernel, &table.nodes) }
        var cell = [UInt8](repeating: 0, count: 40)
        Slot.put(2, 0, 1, &cell)
        Slot.put(table.root, 16, 8, &cell)
        Slot.put(UInt64(table.height), 24, 8, &cell)
        Slot.put(UInt64(owners.count), 32, 8, &cell)
        table.anchor = try kernel.add(cell)
        table.nodes.reverse()
        return table
    }

    /// The most entries under a node.
    private func size(ofHeight height: Int) -> Int {
        height == 0 ? capacity : capacity + (capacity + 1) * size(ofHeight: height - 1)
    }

    /// Children come before their parent.
    private func node(
        _ owners: ArraySlice<Owner>, _ level: Int, _ kernel: KernelMemory,
        _ nodes: inout [(address: UInt64, level: Int)]
    ) throws -> UInt64 {
        var own: [Owner] = []
        var edges: [UInt64] = []
        if level == 0 {
            own = Array(owners)
        } else {
            var separators = 1
            while owners.count - separators > (separators + 1) * size(ofHeight: level - 1) { separators += 1 }
            var rest = owners
            for child in 0...separators {
                let share = (rest.count - (separators - child)) / (separators + 1 - child)
                edges.append(try node(rest.prefix(share), level - 1, kernel, &nodes))
                rest = rest.dropFirst(share)
                if child < separators, let separator = rest.popFirst() { own.append(separator) }
            }
        }
        var bytes = [UInt8](repeating: 0xA5, count: leafSize + (level == 0 ? 0 : 8 * (capacity + 1)))
        Slot.put(UInt64(own.count), leafSize - 6, 2, &bytes)
        for (index, owner) in own.enumerated() {
            let key = capacity * TreeBuilder.valueSize + index * TreeBuilder.keySize
            Slot.put(owner.base, key, 8, &bytes)
            Slot.put(owner.order, key + 8, 1, &bytes)
            try value(owner, index * TreeBuilder.valueSize, kernel, &bytes)
        }
        for (index, edge) in edges.enumerated() { Slot.put(edge, leafSize + 8 * index, 8, &bytes) }
        let address = try kernel.add(bytes)
        nodes.append((address, level))
        return address
    }

    private func value(_ owner: Owner, _ at: Int, _ kernel: KernelMemory, _ bytes: inout [UInt8]) throws {
        Slot.put(owner.state, at + 56, 1, &bytes)
        Slot.put(owner.refcount, at + 48, 4, &bytes)
        Slot.put(owner.transientRefs, at + 52, 4, &bytes)
        let count = owner.capabilities.count
        if isTagged { Slot.put(count > 4 ? 1 : 0, at, 8, &bytes) }
        guard count > 4 else {
            Slot.put(UInt64(count), at + 40, 8, &bytes)
            for (index, capability) in owner.capabilities.enumerated() {
                Slot.put(capability, at + 8 + 8 * index, 8, &bytes)
            }
            return
        }
        var heap = [UInt8](repeating: 0, count: count * 8)
        for (index, capability) in owner.capabilities.enumerated() { Slot.put(capability, index * 8, 8, &heap) }
        Slot.put(UInt64(count + 3), at + 40, 8, &bytes)
        Slot.put(UInt64(count), at + 8, 8, &bytes)
        Slot.put(try kernel.add(heap), at + 16, 8, &bytes)
    }

    /// Owners in ascending order with all kinds of vectors.
    static func owners(_ count: Int, seed: UInt64 = 1) -> [Owner] {
        var random = SeededGenerator(seed: seed)
        var frame: UInt64 = 0
        return (0..<count).map { index in
            frame += 1 + random.next() % 5
            let capabilities = random.oneIn(4) ? random.next() % 12 : random.next() % 3
            return Owner(
                base: frame << 12, order: random.next() % 3, state: random.next() % 4,
                transientRefs: random.oneIn(5) ? random.next() % 3 : 0,
                capabilities: (0..<capabilities).map { UInt64(index) * 100 + $0 })
        }
    }
}
