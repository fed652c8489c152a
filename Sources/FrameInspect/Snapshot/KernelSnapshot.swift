public import GuestMemory

/// A frame table and the kernel's books of one moment, as they are kept in a file.
///
/// The slots stay packed, a few bytes for each run of equal neighbours: a snapshot of millions of slots takes little memory,
/// and is read from its first slot to its last. docs/snapshot-format.md describes the file.
public struct KernelSnapshot: Sendable {
    /// Which kernel it is of.
    public let kernel: SnapshotKernel
    /// Where it came from, and what the guest was doing meanwhile.
    public let provenance: Provenance
    let container: SnapshotContainer
    private let ownershipPart: SnapshotContainer.Part
    private let mappingPart: SnapshotContainer.Part

    // MARK: Taking one

    /// Packs a copy of the frame table and the kernel's books.
    ///
    /// - Throws: ``SnapshotError`` with code `.tooLarge`.
    init(
        kernel: SnapshotKernel, provenance: Provenance, slots: SlotView, ownership: Reading<OwnershipTable>,
        mappings: Reading<MappingIndex>
    ) async throws(SnapshotError) {
        var parts: [(tag: SnapshotContainer.Tag, bytes: [UInt8])] = []
        func add(_ tag: SnapshotContainer.Tag, _ body: (inout ByteWriter) -> Void) {
            var writer = ByteWriter()
            body(&writer)
            parts.append((tag, writer.bytes))
        }
        add(.kernel) { kernel.write(to: &$0) }
        add(.provenance) { provenance.write(to: &$0) }
        add(.ownership) { OwnershipRecords.write(ownership, to: &$0) }
        add(.mappings) { MappingRecords.write(mappings, to: &$0) }
        parts += await SlotRunWriter.parts(slots).map { (.slots, $0) }
        let container = try SnapshotContainer(parts)
        try self.init(container)
    }

    // MARK: Files

    /// The most bytes that a snapshot's file has.
    public static let maximumBytes = SnapshotContainer.maximumBytes

    /// Reads the bytes of a file.
    ///
    /// Every checksum is compared here; what the slots and the books hold is looked at when it is read.
    /// - Throws: ``SnapshotError`` with code `.damaged` or `.unknownVersion`.
    public init(parsing bytes: [UInt8]) throws(SnapshotError) {
        try self.init(try SnapshotContainer(reading: bytes))
    }

    private init(_ container: SnapshotContainer) throws(SnapshotError) {
        let order: [SnapshotContainer.Tag] = [.kernel, .provenance, .ownership, .mappings]
        guard container.parts.prefix(order.count).map(\.tag) == order,
            container.parts.dropFirst(order.count).allSatisfy({ $0.tag == .slots })
        else { throw .damaged("file", "its parts are not those that belong there") }
        var reader = container.reader(container.parts[0])
        kernel = try SnapshotKernel(from: &reader)
        try reader.finish()
        reader = container.reader(container.parts[1])
        provenance = try Provenance(from: &reader)
        try reader.finish()
        ownershipPart = container.parts[2]
        mappingPart = container.parts[3]
        self.container = container
    }

    /// The bytes of the file.
    public var bytes: [UInt8] { container.bytes }

    // MARK: Content

    /// Reads the slots.
    func slotRuns() -> SlotRunReader {
        SlotRunReader(container, layout: kernel.layout, slotCount: kernel.slotCount)
    }

    /// Reads the ownership table.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    func owners() throws(SnapshotError) -> OwnershipRecords {
        try OwnershipRecords(from: container.reader(ownershipPart))
    }

    /// Reads the mapping index.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    func mappings() throws(SnapshotError) -> MappingRecords { try MappingRecords(from: container.reader(mappingPart)) }

    /// The ownership table, unpacked.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    public func ownership() throws(SnapshotError) -> Reading<OwnershipTable> {
        var records = try owners()
        guard let offsets = records.offsets else { return Reading(nil, records.status) }
        var table = OwnershipTable(stateNames: records.stateNames, offsets: offsets)
        while let entry = try records.next() { table.append(entry) }
        table.problems = try records.problems()
        return Reading(table, records.status)
    }

    /// The mapping index, unpacked.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    public func mappingIndex() throws(SnapshotError) -> Reading<MappingIndex> {
        var records = try mappings()
        guard records.count != nil else { return Reading(nil, records.status) }
        var index = MappingIndex()
        while let entry = try records.next() { index.append(entry) }
        index.problems = try records.problems()
        return Reading(index, records.status)
    }

    /// Hands every run of slots that hold the same to `body`: the first frame, how many, the slot.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    public func forEachRun(_ body: (FrameNumber, UInt64, MetaSlot) -> Void) throws(SnapshotError) {
        var runs = slotRuns()
        while let run = try runs.next() {
            body(kernel.layout.frame(at: run.first), run.count, kernel.layout.slot(of: run.content))
        }
    }

    /// What is in a snapshot, in numbers.
    public struct Contents: Sendable, Hashable {
        /// Slots.
        public var slots: UInt64
        /// Runs of equal neighbours among them.
        public var runs: UInt64
        /// Owned blocks; nil where the ownership table is not known.
        public var owners: Int?
        /// Owned blocks that are pinned.
        public var pinnedBlocks: Int
        /// Capabilities that are mapped; nil where the mapping index is not known.
        public var capabilities: Int?
        /// What was not read whole, and why.
        public var gaps: [String]
    }

    /// Reads all of it once: what comes without an error can be compared.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    public func contents() throws(SnapshotError) -> Contents {
        var contents = Contents(slots: kernel.slotCount, runs: 0, pinnedBlocks: 0, gaps: [])
        var runs = slotRuns()
        while try runs.next() != nil { contents.runs &+= 1 }
        var owners = try owners()
        if owners.offsets != nil { contents.owners = owners.count }
        while let owner = try owners.next() { contents.pinnedBlocks += owner.transientRefs > 0 ? 1 : 0 }
        _ = try owners.problems()
        var mappings = try mappings()
        contents.capabilities = mappings.count
        while try mappings.next() != nil {}
        _ = try mappings.problems()
        for (name, status) in [("ownership table", owners.status), ("mapping index", mappings.status)] {
            if let reason = status.reason { contents.gaps.append("\(name): \(reason)") }
        }
        return contents
    }
}
