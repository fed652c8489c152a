public import GuestMemory

/// Which virtual addresses lead to which frames, in every address space that is known: columns, ascending by frame.
///
/// Pages that follow each other in virtual and in physical memory with the same permissions are one mapping, so that a direct
/// map of all RAM costs a few entries.
public struct ReverseMap: Sendable {
    /// A top page table.
    public struct Root: Hashable, Sendable {
        /// Why it is known.
        public enum Origin: String, Hashable, Sendable, CaseIterable {
            /// A virtual CPU uses it.
            case processor
            /// The kernel lists it.
            case listed
            /// Its upper half is that of the kernel's table.
            case discovered
        }

        /// Physical address.
        public var address: PhysicalAddress
        /// The kernel's identifier of the address space, where it lists it.
        public var identifier: UInt64?
        /// Why it is known.
        public var origins: Set<Origin>
    }

    /// What may be done at a virtual address: what all levels grant.
    public struct Permissions: OptionSet, Hashable, Sendable {
        /// The bits.
        public let rawValue: UInt8
        /// Writing.
        public static let write = Permissions(rawValue: 1)
        /// Fetching instructions.
        public static let execute = Permissions(rawValue: 2)
        /// Access from user mode.
        public static let user = Permissions(rawValue: 4)

        /// Permissions by their bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
    }

    /// Which half of the address space.
    public enum Half: UInt8, Hashable, Sendable {
        /// The lower half.
        case user
        /// The upper half, which all address spaces share.
        case kernel
    }

    /// A run of pages.
    public struct Mapping: Hashable, Sendable {
        /// Index of the first root that has it; the kernel's half is the same in several.
        public var root: Int
        /// First virtual address.
        public var virtual: VirtualAddress
        /// First frame.
        public var frame: FrameNumber
        /// Number of 4 KiB frames.
        public var frameCount: UInt64
        /// Bytes of each page: 4 KiB, 2 MiB or 1 GiB.
        public var pageSize: UInt64
        /// What may be done there.
        public var permissions: Permissions
        /// Which half it is in.
        public var half: Half
        /// Whether it belongs to the kernel's direct map of physical memory, which says nothing about who uses a frame.
        public var isDirectMap: Bool

        /// Where a frame of the run is mapped.
        public func virtual(of frame: FrameNumber) -> VirtualAddress {
            VirtualAddress(virtual.rawValue &+ ((frame.rawValue &- self.frame.rawValue) << 12))
        }
    }

    /// An entry that no processor would follow, or that leads in circles.
    public struct Problem: Hashable, Sendable {
        /// What is wrong.
        public enum Kind: String, Hashable, Sendable {
            /// Bits are set that must be zero.
            case reservedBits
            /// The table that it points to is not in RAM.
            case tableOutsideRAM
            /// It points to a table on the way to itself.
            case cycle
        }

        /// What is wrong.
        public var kind: Kind
        /// Index of the root.
        public var root: Int
        /// Level of the entry: 1 for 4 KiB pages, up to 5.
        public var level: Int
        /// Physical address of the entry.
        public var address: PhysicalAddress
        /// The entry.
        public var entry: UInt64
        /// The first virtual address that it stands for.
        public var virtual: VirtualAddress
    }

    /// The content; one object, so that handing a map on costs one reference and not one for each column.
    private final class Storage: Sendable {
        let roots: [Root]
        let problems: [Problem]
        let problemCount: Int
        let tableCount: Int
        let columns: MappingColumns
        /// For the binary tree over the rows: the last frame that the rows of a subtree reach.
        let reach: [UInt64]

        init(_ walk: PageTableWalk) {
            roots = walk.roots
            problems = walk.problems
            problemCount = walk.problemCount
            tableCount = walk.tableCount
            columns = walk.columns.sorted()
            var reach = [UInt64](repeating: 0, count: columns.count)
            ReverseMap.fill(&reach, columns, 0..<columns.count)
            self.reach = reach
        }

        func search(_ rows: Range<Int>, _ frame: UInt64, _ body: (Mapping) -> Bool) -> Bool {
            guard !rows.isEmpty else { return true }
            let middle = (rows.lowerBound + rows.upperBound) / 2
            guard reach[middle] >= frame else { return true }
            guard search(rows.lowerBound..<middle, frame, body) else { return false }
            guard columns.frames[middle] <= frame else { return true }
            if columns.lastFrame(middle) >= frame, !body(columns[middle]) { return false }
            return search(middle + 1..<rows.upperBound, frame, body)
        }
    }

    private let storage: Storage

    /// The top page tables.
    public var roots: [Root] { storage.roots }
    /// Broken entries, a bounded number of them.
    public var problems: [Problem] { storage.problems }
    /// Number of broken entries.
    public var problemCount: Int { storage.problemCount }
    /// Page tables read.
    public var tableCount: Int { storage.tableCount }

    /// Sorts what a walk found.
    init(_ walk: PageTableWalk) { storage = Storage(walk) }

    /// Number of mappings.
    public var count: Int { storage.columns.count }

    /// A mapping, by ascending frame; it must exist.
    public subscript(index: Int) -> Mapping { storage.columns[index] }

    /// Hands out every mapping that holds a frame; `body` returns false to end early.
    ///
    /// O(log n + number of mappings).
    public func forEachMapping(of frame: FrameNumber, _ body: (Mapping) -> Bool) {
        _ = storage.search(0..<storage.columns.count, frame.rawValue, body)
    }

    /// Every mapping that holds a frame.
    public func mappings(of frame: FrameNumber) -> [Mapping] {
        var found: [Mapping] = []
        forEachMapping(of: frame) {
            found.append($0)
            return true
        }
        return found
    }

    /// The mappings of a frame that tell who uses it: all but the direct map's.
    public func uses(of frame: FrameNumber) -> [Mapping] { mappings(of: frame).filter { !$0.isDirectMap } }

    @discardableResult
    private static func fill(_ reach: inout [UInt64], _ columns: MappingColumns, _ rows: Range<Int>) -> UInt64 {
        guard !rows.isEmpty else { return 0 }
        let middle = (rows.lowerBound + rows.upperBound) / 2
        let left = fill(&reach, columns, rows.lowerBound..<middle)
        let right = fill(&reach, columns, middle + 1..<rows.upperBound)
        reach[middle] = max(columns.lastFrame(middle), left, right)
        return reach[middle]
    }
}
