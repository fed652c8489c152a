/// What the kernel itself records of its frames: owners, mappings, page tables, free lists; and what could not be read, and why.
public struct KernelBooks: Sendable {
    /// Zones, free lists and per-CPU caches.
    public let allocator: AllocatorBooks
    /// Who owns which block.
    public let ownership: Reading<OwnershipTable>
    /// Where capabilities are mapped.
    public let mappings: Reading<MappingIndex>
    /// How the kernel's list of address spaces could be read.
    public let addressSpaces: ReadingStatus
    /// Which virtual addresses lead to which frames.
    public let reverseMap: Reading<ReverseMap>
    /// Pages withheld because they are poisoned.
    public let quarantinedPages: Reading<UInt64>
    /// Distance of the direct map; nil where it is not known.
    public let directMap: UInt64?

    /// A structure that could not be read whole.
    public struct Gap: Hashable, Sendable {
        /// What it is: a key of the profile, or `pageTables`, `addressSpaceSearch`.
        public var subject: String
        /// How far it could be read.
        public var status: ReadingStatus
    }

    /// Everything that could not be read whole.
    public let gaps: [Gap]

    /// Sorts what was gathered while the guest stood still.
    init(_ gathered: GatheredBooks) {
        allocator = gathered.allocator
        ownership = gathered.ownership
        mappings = gathered.mappings
        addressSpaces = gathered.addressSpaces
        quarantinedPages = gathered.quarantinedPages
        directMap = gathered.directMap
        let walk = gathered.walk
        let status: ReadingStatus =
            if let limit = walk.limit {
                .damaged(limit, elementsRead: walk.columns.count)
            } else if let problem = walk.problems.first {
                .damaged(
                    "\(walk.problemCount) entries of page tables are broken; the first is at \(problem.address)",
                    elementsRead: walk.columns.count)
            } else {
                .complete
            }
        reverseMap = Reading(ReverseMap(walk), status)
        var gaps: [Gap] = []
        for (subject, status) in [
            ("zones", allocator.status), ("frameCaches", allocator.cacheStatus), ("ownership", ownership.status),
            ("mappings", mappings.status), ("addressSpaces", addressSpaces), ("pageTables", status),
            ("quarantine", quarantinedPages.status), ("addressSpaceSearch", gathered.search),
        ] where !status.isComplete { gaps.append(Gap(subject: subject, status: status)) }
        self.gaps = gaps
    }

    /// Follows every free list through a copy of the frame table of the same moment.
    public func freeLists(in slots: SlotView) -> FreeListWalk { FreeListWalk(heads: allocator.lists, slots: slots) }
}

/// What was copied while the guest stood still; sorted afterwards.
struct GatheredBooks: Sendable {
    var allocator: AllocatorBooks
    var ownership: Reading<OwnershipTable>
    var mappings: Reading<MappingIndex>
    var addressSpaces: ReadingStatus
    var quarantinedPages: Reading<UInt64>
    var directMap: UInt64?
    var walk: PageTableWalk
    /// How the search for address spaces that are not listed went.
    var search: ReadingStatus
}

/// Whether to search memory for address spaces that the kernel does not list.
public enum AddressSpaceSearch: String, Hashable, Sendable, CaseIterable {
    /// Where the list of the kernel is not known.
    case automatic
    /// Always.
    case always
    /// Never: only what processors use and the kernel lists.
    case never
}

/// What is found out before the guest is stopped, so that it stands still for less time.
struct BooksPlan: Sendable {
    /// Pages that looked like top page tables.
    var candidates: [UInt64] = []
    /// How the search went.
    var search: ReadingStatus = .complete
}
