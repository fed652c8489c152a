public import GuestMemory

/// Everything that refers to one frame.
public struct FrameOwnership: Sendable {
    /// A capability on the frame's block.
    public struct Capability: Sendable {
        /// Its number.
        public var number: UInt64
        /// Where the mapping index says it is mapped.
        public var mappings: [MappingIndex.Mapping]
    }

    /// A virtual address that leads to the frame.
    public struct Mapping: Sendable {
        /// The address space in words.
        public var space: String
        /// The virtual address of the frame.
        public var address: VirtualAddress
        /// Bytes of the page.
        public var pageSize: UInt64
        /// What may be done there, like `rw-u`.
        public var permissions: String
        /// Whether it is the kernel's direct map.
        public var isDirectMap: Bool
    }

    /// The frame.
    public var frame: FrameDescription
    /// The kernel's record of the block; nil where it has none.
    public var entry: OwnershipTable.Entry?
    /// The entry's state in words.
    public var stateName: String?
    /// The capabilities of the entry.
    public var capabilities: [Capability]
    /// The mappings, user space first.
    public var mappings: [Mapping]
    /// The free list that has the frame's block, in words; nil for none.
    public var freeList: String?
    /// Whether a per-CPU cache has it.
    public var isCached: Bool
    /// What could not be read, and why.
    public var gaps: [KernelBooks.Gap]
}

extension Inspector {
    /// Who refers to the frame that holds a physical address.
    ///
    /// - Throws: ``InspectorError``; `.usage` for an address that the table has no slot for.
    public func owner(of address: PhysicalAddress) async throws(InspectorError) -> FrameOwnership {
        let description = try await describe(address)
        let survey = try await survey()
        let (books, number) = (survey.books, description.frame)
        var result = FrameOwnership(
            frame: description, capabilities: [], mappings: [],
            isCached: books.allocator.books.cached.contains(number.rawValue), gaps: books.gaps)
        if let table = books.ownership.value, let index = table.index(ofBlockHolding: number) {
            let entry = table[index]
            result.entry = entry
            result.stateName = table.name(ofState: entry.state)
            result.capabilities = entry.capabilities.map { capability in
                FrameOwnership.Capability(
                    number: capability, mappings: books.mappings.value.map { Array($0.mappings(of: capability)) } ?? [])
            }
        }
        if let map = books.reverseMap.value {
            result.mappings = map.mappings(of: number).sorted { ($0.isDirectMap ? 1 : 0) < ($1.isDirectMap ? 1 : 0) }
                .map { mapping in
                    FrameOwnership.Mapping(
                        space: mapping.half == .kernel ? "kernel" : map.name(ofRoot: mapping.root),
                        address: mapping.virtual(of: number), pageSize: mapping.pageSize,
                        permissions: mapping.permissions.text, isDirectMap: mapping.isDirectMap)
                }
        }
        if let row = survey.capture.view.row(of: number), survey.freeLists.listed[row] {
            for list in survey.freeLists.lists {
                let size = 1 &<< UInt64(min(list.head.order, 40))
                let holds = survey.freeLists.blocks[list.blocks].contains { UInt64(row) &- UInt64($0) < UInt64(size) }
                if holds {
                    result.freeList = list.head.text(zones: books.allocator.zones.names)
                    break
                }
            }
        }
        return result
    }
}
