import GuestMemory
import GuestTesting

@testable import FrameInspect

/// A machine on paper, of which snapshots are taken: slots, owners and mappings as a test writes them.
struct SnapshotBuilder {
    var profile: KernelProfile
    var stride = 64
    var buildID: String? = "ab12"
    var time = 1_700_000_000.0
    /// The slots' bytes.
    var slots: [[UInt8]]
    var owners: [OwnershipTable.Entry] = []
    var ownerStatus = ReadingStatus.complete
    var mappings: [MappingIndex.Entry] = []
    var mappingStatus = ReadingStatus.complete

    /// A strat9 kernel with so many frames of the kernel's own, all of the same generation.
    init(frames: Int = 64, generation: UInt64 = 3) throws {
        profile = try KernelProfile.named("strat9")
        slots = Array(
            repeating: Slot.strat9(
                flags: Slot.allocated | Slot.kernel, refcount: 1, generation: generation), count: frames)
    }

    /// Adds an owned block, ascending by frame.
    mutating func own(_ frame: UInt64, order: Int = 0, pins: UInt64 = 0, capabilities: [UInt64] = [], state: UInt64 = 1)
    {
        owners.append(
            OwnershipTable.Entry(
                base: PhysicalAddress(frame << 12), order: order, state: state,
                refcount: UInt64(capabilities.count) + pins, transientRefs: pins, capabilities: capabilities[...],
                isSpilled: capabilities.count > 4, address: VirtualAddress(0xFFFF_8000_0000_0000 + frame * 64)))
    }

    /// Adds a mapped capability, ascending.
    mutating func map(_ capability: UInt64, _ addresses: [UInt64]) {
        mappings.append(
            MappingIndex.Entry(
                capability: capability,
                mappings: addresses.map {
                    MappingIndex.Mapping(space: 7, address: VirtualAddress($0), pageSize: 4096)
                }[...], isSpilled: addresses.count > 4, address: VirtualAddress(capability * 8)))
    }

    var ownership: Reading<OwnershipTable> {
        var table = OwnershipTable(
            stateNames: ["reserved", "exclusive", "shared", "free"],
            offsets: .init(
                state: 0, refcount: 4, transientRefs: 8, capabilities: 16, inlineCapabilityCount: -8,
                spilledCapabilityCount: 24))
        for owner in owners { table.append(owner) }
        return Reading(table, ownerStatus)
    }

    var index: Reading<MappingIndex> {
        var index = MappingIndex()
        for entry in mappings { index.append(entry) }
        return Reading(index, mappingStatus)
    }

    func snapshot() async throws -> KernelSnapshot {
        let bytes = slots.flatMap { $0 }
        let pages = (bytes.count + 4095) / 4096
        let (memory, runs) = PagedMemory.holding(bytes, pages: (0..<UInt64(pages)).map { $0 })
        let placement = try TablePlacement(
            base: VirtualAddress(0xFFFF_8000_0010_0000), slotCount: UInt64(slots.count), stride: stride, runs: runs)
        let copy = try TableCopy(runs: placement.runs(ofSlots: 0..<placement.slotCount))
        try await copy.fill(from: memory, ProgressTally(total: placement.byteCount, report: nil))
        let layout = try FrameLayout(profile: profile)
        var facts = KernelFacts(profile: profile)
        facts.buildID = buildID
        return try await KernelSnapshot(
            kernel: SnapshotKernel(facts, profile: profile, layout: layout, placement: placement),
            provenance: Provenance(rung: .mapped, consistent: true, pauseSeconds: 0.25, time: time),
            slots: SlotView(copy: copy, layout: layout, placement: placement, slots: 0..<placement.slotCount),
            ownership: ownership, mappings: index)
    }
}
