import CallGraph
import GuestMemory

@testable import FrameInspect

/// One sample of a kernel, written down: what the rules see of it.
///
/// As it begins it is healthy: 256 frames, some claimed and owned, some free and listed, one address space.
struct AuditedKernel {
    static let count: UInt64 = 256
    /// First virtual address of ``pages``.
    static let userBase: UInt64 = 0x40_0000
    static let vtableAddress: UInt64 = 0xFFFF_FFFF_8020_0040
    static let hookAddress: UInt64 = 0xFFFF_FFFF_8010_0000

    var slots: [[UInt8]]
    /// Blocks by order, each list in its own order of links.
    private(set) var lists: [FreeListHead] = []
    var cached: Set<UInt64> = []
    var owners: [OwnershipTable.Entry] = []
    var ownership = ReadingStatus.complete
    /// Capabilities and where they are mapped.
    var index: [(capability: UInt64, addresses: [UInt64])] = []
    /// Frames that the address space maps, from ``userBase`` on; nil for a gap.
    var pages: [UInt64?] = []
    var quarantinedPages: UInt64 = 0
    var vtables: [AuditFacts.Vtable] = []
    var proofs: [UInt64: HookProof] = [:]
    var proofObstacle: String?
    var knowsSymbols = true
    var isOfOneMoment = true

    init() {
        slots = (0..<Self.count).map { _ in Slot.strat9(flags: Slot.allocated | Slot.kernel, refcount: 1, generation: 3)
        }
        link([64, 96, 80], order: 3)
        link([200, 10], order: 0)
        // A block for user space, held by a capability that is mapped.
        own(32, order: 2, capabilities: [7], flags: Slot.allocated | Slot.user)
        pages = [32, 33, 34, 35]
        index = [(7, (0..<4).map { Self.userBase + $0 << 12 })]
        // A kernel block that nobody maps.
        own(48, order: 0, capabilities: [9])
    }

    /// Puts blocks on a list of their order.
    mutating func link(_ blocks: [UInt64], order: Int) {
        for (position, block) in blocks.enumerated() {
            for frame in block..<block + 1 << UInt64(order) {
                slots[Int(frame)] = Slot.strat9(flags: Slot.free, order: UInt64(order), refcount: Slot.unused)
            }
            Slot.put(position > 0 ? blocks[position - 1] << 12 : Slot.none, 8, 8, &slots[Int(block)])
            Slot.put(
                position + 1 < blocks.count ? blocks[position + 1] << 12 : Slot.none, 0, 8, &slots[Int(block)])
        }
        lists.append(
            FreeListHead(
                zone: 0, segment: 0, migrateType: 0, order: order,
                first: PhysicalAddress(blocks.first.map { $0 << 12 } ?? 0), blockCount: UInt64(blocks.count),
                frames: 0..<Self.count, address: VirtualAddress(0xFFFF_FFFF_8040_0000 + UInt64(order) * 8)))
    }

    /// Gives a block an owner, and its head as many references.
    mutating func own(
        _ head: UInt64, order: Int, capabilities: [UInt64], pins: UInt64 = 0,
        flags: UInt64 = Slot.allocated | Slot.kernel
    ) {
        for frame in head..<head + 1 << UInt64(order) {
            slots[Int(frame)] = Slot.strat9(
                flags: flags, order: UInt64(order),
                refcount: frame == head ? UInt64(capabilities.count) + pins : Slot.unused, generation: 3)
        }
        owners.append(
            OwnershipTable.Entry(
                base: PhysicalAddress(head << 12), order: order, state: 1, refcount: UInt64(capabilities.count) + pins,
                transientRefs: pins, capabilities: capabilities[...], isSpilled: false,
                address: VirtualAddress(0xFFFF_8000_0010_0000 + head * 64)))
    }

    /// Names a vtable in the slots of `frames`.
    mutating func install(
        _ frames: [UInt64], at pointer: UInt64 = AuditedKernel.vtableAddress,
        _ change: (inout AuditFacts.Vtable) -> Void = { _ in }
    ) {
        for frame in frames { Slot.put(pointer, 16, 8, &slots[Int(frame)]) }
        var place = CodePlace(address: VirtualAddress(pointer), permissions: "r--")
        place.symbol = "kernel::VTABLE"
        var hook = CodePlace(address: VirtualAddress(Self.hookAddress), permissions: "r-x")
        hook.symbol = "kernel::hook"
        let content = FrameMetaVtable(
            address: place.address, onLastRef: hook.address, onUnmap: hook.address,
            reserved: [UInt64](repeating: 0, count: 6))
        var description = VtableDescription(pointer: pointer, isDefault: false, place: place, vtable: content)
        description.onLastRef = hook
        description.onUnmap = hook
        var vtable = AuditFacts.Vtable(
            description: description, frames: FrameRange.folded(frames.map { FrameRange(FrameNumber($0)) }))
        vtable.physical = PhysicalAddress(0x20_0040)
        change(&vtable)
        vtables.append(vtable)
    }

    /// What the rules see.
    func facts() async throws -> AuditFacts {
        let layout = try FrameLayout(profile: .named("strat9"))
        let bytes = slots.flatMap { $0 }
        let (memory, runs) = PagedMemory.holding(bytes, pages: (0..<4).map { UInt64($0) })
        let placement = try TablePlacement(base: nil, slotCount: Self.count, stride: 64, runs: runs)
        let copy = try TableCopy(runs: placement.runs)
        try await copy.fill(from: memory, ProgressTally(total: placement.byteCount, report: nil))
        let view = SlotView(copy: copy, layout: layout, placement: placement, slots: 0..<placement.slotCount)
        var survey = SlotSurvey(layout: layout)
        bytes.forEachBatch(stride: 64, size: 100) { survey.add($0) }
        return AuditFacts(
            layout: layout, slots: view, survey: survey, vtables: vtables, proofs: proofs, proofObstacle: proofObstacle,
            knowsSymbols: knowsSymbols, books: try await books(),
            freeLists: Reading(FreeListWalk(heads: lists, slots: view), .complete),
            defaultVtable: nil, quarantineAddress: VirtualAddress(0xFFFF_FFFF_8040_1000), isOfOneMoment: isOfOneMoment)
    }

    private func books() async throws -> KernelBooks {
        var table = OwnershipTable(
            stateNames: ["BuddyReserved", "Exclusive", "Shared", "Free"],
            offsets: OwnershipTable.FieldOffsets(
                state: 0, refcount: 4, transientRefs: 8, capabilities: 16, inlineCapabilityCount: 48,
                spilledCapabilityCount: 24))
        for entry in owners.sorted(by: { $0.base.rawValue < $1.base.rawValue }) { table.append(entry) }
        var mappings = MappingIndex()
        for (capability, addresses) in index {
            mappings.append(
                MappingIndex.Entry(
                    capability: capability,
                    mappings: addresses.map {
                        MappingIndex.Mapping(space: 1, address: VirtualAddress($0), pageSize: 4096)
                    }[...], isSpilled: addresses.count > 4, address: VirtualAddress(0)))
        }
        var allocator = AllocatorBooks(zones: .empty, books: FreeFrameSets(), status: .complete, cacheStatus: .complete)
        allocator.books.cached = cached
        allocator.lists = lists
        let kernel = try KernelMemory()
        let (top, directories, directory, leaves) =
            (0x20_0000, 0x20_1000, 0x20_2000, 0x20_3000) as (UInt64, UInt64, UInt64, UInt64)
        try kernel.put(directories | 7, at: top)
        try kernel.put(0x2000 | 3, at: top + 256 * 8)
        try kernel.put(directory | 7, at: directories)
        try kernel.put(leaves | 7, at: directory + 2 * 8)
        for (page, frame) in pages.enumerated() {
            if let frame { try kernel.put(frame << 12 | 7, at: leaves + UInt64(page) * 8) }
        }
        var walk = PageTableWalk(
            mode: PagingMode(root: PhysicalAddress(0)), directMap: KernelMemory.directMap)
        try await walk.walk(
            [ReverseMap.Root(address: PhysicalAddress(top), identifier: 1, origins: [.listed])], in: kernel.memory)
        return KernelBooks(
            GatheredBooks(
                allocator: allocator, ownership: Reading(ownership.mayBeRead ? table : nil, ownership),
                mappings: Reading(mappings, .complete), addressSpaces: .complete,
                quarantinedPages: Reading(quarantinedPages, .complete), directMap: KernelMemory.directMap, walk: walk,
                search: .complete))
    }

    /// What the rules say, sorted by rule; every rule of an audit runs.
    func audit() async throws -> AuditCollector {
        let facts = try await facts()
        var collector = AuditCollector()
        for rule in Inspector.auditRules { rule.check(facts, &collector) }
        return collector
    }

    /// The rules that found something, each once.
    func rulesFound() async throws -> Set<RuleIdentifier> { Set(try await audit().findings.map(\.rule)) }
}
