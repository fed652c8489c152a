public import GuestMemory

/// The kernel's record of where capabilities are mapped, ascending by capability.
public struct MappingIndex: Hashable, Sendable {
    /// One place where a capability is mapped.
    public struct Mapping: Hashable, Sendable {
        /// Identifier of the address space.
        public var space: UInt64
        /// Virtual address.
        public var address: VirtualAddress
        /// Bytes of the page.
        public var pageSize: UInt64

        /// A mapping.
        public init(space: UInt64, address: VirtualAddress, pageSize: UInt64) {
            self.space = space
            self.address = address
            self.pageSize = pageSize
        }
    }

    /// A capability's mappings.
    public struct Entry: Hashable, Sendable {
        /// The capability.
        public var capability: UInt64
        /// Where it is mapped.
        public var mappings: ArraySlice<Mapping>
        /// Whether the mappings moved to the heap.
        public var isSpilled: Bool
        /// Virtual address of the vector.
        public var address: VirtualAddress
    }

    /// A contradiction inside an entry; its mappings are empty where they could not be read.
    public typealias Problem = OwnershipTable.Problem

    /// Entries that contradict themselves; a bounded number.
    public internal(set) var problems: [Problem] = []
    private var capabilities: [UInt64] = []
    private var spilled: [Bool] = []
    private var addresses: [UInt64] = []
    private var starts: [Int] = []
    private var mappings: [Mapping] = []

    init() {}

    /// Number of capabilities.
    public var count: Int { capabilities.count }

    /// Number of mappings of all capabilities.
    public var mappingCount: Int { mappings.count }

    /// An entry, which must exist.
    public subscript(index: Int) -> Entry {
        let end = index + 1 < starts.count ? starts[index + 1] : mappings.count
        return Entry(
            capability: capabilities[index], mappings: mappings[starts[index]..<end], isSpilled: spilled[index],
            address: VirtualAddress(addresses[index]))
    }

    /// A capability's mappings; none where the index does not have it.
    ///
    /// O(log n).
    public func mappings(of capability: UInt64) -> ArraySlice<Mapping> {
        var low = 0
        var high = capabilities.count
        while low < high {
            let middle = (low + high) / 2
            if capabilities[middle] < capability { low = middle + 1 } else { high = middle }
        }
        return low < count && capabilities[low] == capability ? self[low].mappings : []
    }

    // MARK: Building

    mutating func append(capability: UInt64, address: UInt64) {
        capabilities.append(capability)
        addresses.append(address)
        spilled.append(false)
        starts.append(mappings.count)
    }

    mutating func appendMappings(_ elements: VectorElements, _ layout: MappingLayout, sizes: [UInt64]) {
        if elements.isSpilled, let last = spilled.indices.last { spilled[last] = true }
        for index in 0..<elements.count {
            let size = elements.number(index, layout.size)
            mappings.append(
                Mapping(
                    space: elements.number(index, layout.space),
                    address: VirtualAddress(elements.number(index, layout.address)),
                    pageSize: size < UInt64(sizes.count) ? sizes[Int(size)] : size))
        }
    }

    /// Appends an entry that was kept elsewhere.
    mutating func append(_ entry: Entry) {
        append(capability: entry.capability, address: entry.address.rawValue)
        mappings.append(contentsOf: entry.mappings)
        spilled[spilled.count - 1] = entry.isSpilled
    }

    mutating func note(_ text: String) {
        guard problems.count < OwnershipTable.maximumProblems else { return }
        problems.append(Problem(index: count - 1, text: text))
    }
}
