import GuestMemory
import GuestTesting
import SystemPackage
import Testing

@testable import FrameInspect

/// Kernels whose frame tables have nothing in common with the built-in profile's, through the same code.
@Suite(.timeLimit(.minutes(2)))
struct SecondKernelTests {
    private static let slots = 3001

    /// Everything that reads a table, against the rows that were written.
    private func check(_ inspector: Inspector, _ kernel: SyntheticKernel, _ machine: SyntheticKernel.Machine)
        async throws
    {
        let rows = machine.rows
        let first = inspector.layout.frame(at: 0).rawValue
        #expect(inspector.placement.slotCount == UInt64(rows.count))
        #expect(inspector.layout.stride == kernel.stride)
        #expect(inspector.placement.virtualAddress(ofSlot: 7)?.rawValue == kernel.base + 7 * UInt64(kernel.stride))

        let table = try await inspector.snapshot()
        try #require(table.count == rows.count)
        for (index, row) in rows.enumerated() {
            let slot = try #require(table[FrameNumber(first + UInt64(index))])
            #expect(slot.flags == row.flags && slot.order == row.order && slot.guardBits == row.guardBits, "\(index)")
            #expect(slot.refcount == row.refcount && slot.references == row.references, "\(index)")
            #expect(slot.freeLink == MetaSlot.FreeLink(next: row.next, prev: row.prev), "\(index)")
            #expect(slot.generation == nil && slot.vtable == inspector.layout.vtableDefault && slot.aux == 0)
            #expect(table.state(at: index) == row.verdict.state, "\(index)")
        }
        #expect(table[FrameNumber(first + UInt64(rows.count))] == nil)
        if first > 0 { #expect(table[FrameNumber(first - 1)] == nil) }

        try await checkCounts(inspector, rows)
        try await checkFilters(inspector, rows, first)

        for index in [0, 42, 43, 127, 128, rows.count - 1] {
            let address = PhysicalAddress((first + UInt64(index)) << 12 | 0x123)
            let found = try await inspector.describe(address)
            #expect(found.bytes == machine.slots[index])
            #expect(found.verdict == rows[index].verdict)
            #expect(found.vtable == nil)
            #expect(found.slotVirtual?.rawValue == kernel.base + UInt64(index * kernel.stride))
        }
        for address in [(first + UInt64(rows.count)) << 12, first > 0 ? (first << 12) - 1 : UInt64.max] {
            let error = await #expect(throws: InspectorError.self) {
                try await inspector.describe(PhysicalAddress(address))
            }
            #expect(error?.code.description == "usage")
        }
        let error = await #expect(throws: InspectorError.self) { try await inspector.vtables() }
        #expect(error?.code.description == "usage")
    }

    private func checkCounts(_ inspector: Inspector, _ rows: [SyntheticKernel.Row]) async throws {
        let summary = try await inspector.summary().summary
        func counts<Key: Hashable>(_ key: (SyntheticKernel.Row) -> Key?) -> [Key: UInt64] {
            Dictionary(grouping: rows.compactMap(key)) { $0 }.mapValues { UInt64($0.count) }
        }
        #expect(
            Dictionary(uniqueKeysWithValues: summary.states.map { ($0.state, $0.frames) }) == counts(\.verdict.state))
        #expect(Dictionary(uniqueKeysWithValues: summary.flags.map { ($0.flags, $0.frames) }) == counts { $0.flags })
        #expect(
            Dictionary(uniqueKeysWithValues: summary.contradictions.map { ($0.contradiction, $0.frames) })
                == counts(\.verdict.contradiction))
        let orders = counts { $0.verdict.state == .unmanaged ? nil : UInt8($0.order) }
        #expect(Dictionary(uniqueKeysWithValues: summary.orders.map { ($0.order, $0.frames) }) == orders)
        let unused = rows.count { $0.references == nil && $0.verdict.state != .unmanaged }
        #expect(summary.references.first { $0.references == .unused }?.frames == UInt64(unused))
        let one = rows.count { $0.references == 1 && $0.verdict.state != .unmanaged }
        #expect(summary.references.first { $0.references == .counted(1, 1) }?.frames == UInt64(one))
        #expect(summary.framesWithVtable == 0)
        #expect(summary.frames == UInt64(rows.count))

        var states: [FrameState] = []
        for run in try await inspector.stateRuns().runs {
            #expect(run.start == inspector.layout.frame(at: UInt64(states.count)).rawValue)
            states += repeatElement(run.state, count: Int(run.count))
        }
        #expect(states == rows.map(\.verdict.state))
    }

    private func checkFilters(_ inspector: Inspector, _ rows: [SyntheticKernel.Row], _ first: UInt64) async throws {
        let layout = inspector.layout
        let free = try #require(layout.flagBits.first { $0.role == .free })
        let user = try #require(layout.flagBits.first { $0.role == .user })
        let tests: [(String, (SyntheticKernel.Row, UInt64) -> Bool)] = [
            ("flags.\(user.name) && refcount > 1", { row, _ in row.flags & user.mask != 0 && row.references ?? 0 > 1 }),
            (
                "!flags.\(free.name) and refcount == unused",
                { row, _ in row.flags & free.mask == 0 && row.references == nil }
            ),
            (
                "state == user or state == inconsistent",
                { row, _ in [.claimedUser, .inconsistent].contains(row.verdict.state) }
            ),
            ("refcount == 1 || order > 3", { row, _ in row.references == 1 || row.order > 3 }),
            (
                "address >= 0x200000 && frame % 2".replacing(" % 2", with: " < 0x280"),
                { _, frame in (0x200..<0x280).contains(frame) }
            ),
        ]
        let capture = try await inspector.capture(inspector.reader.allSlots)
        for (text, holds) in tests {
            let filter = try FrameFilter(parsing: text, layout: layout)
            var found: [UInt64] = []
            try await capture.reader.forEachBatch(in: capture.slots) { (batch) throws(MemoryError) in
                for offset in 0..<batch.count {
                    let frame = layout.frame(at: batch.firstIndex + UInt64(offset))
                    if filter.matches(batch.base + offset * layout.stride, frame: frame) {
                        found.append(frame.rawValue)
                    }
                }
                return true
            }
            let expected = rows.indices.filter { holds(rows[$0], first + UInt64($0)) }.map { first + UInt64($0) }
            #expect(found == expected, "\(text)")
            #expect(!expected.isEmpty, "\(text)")
        }
        #expect(throws: FilterError.self) { try FrameFilter(parsing: "generation > 0", layout: layout) }
        #expect(throws: FilterError.self) { try FrameFilter(parsing: "vtable != default", layout: layout) }

        // Blocks are the table without gap, and rebuild the slots that they were made of.
        var blocks = FrameBlocks(layout: layout)
        var found: [FrameBlocks.Block] = []
        try await capture.reader.forEachBatch(in: capture.slots) { (batch) throws(MemoryError) in
            blocks.add(batch) { found.append($0) }
            return true
        }
        blocks.finish { found.append($0) }
        var next = first
        for block in found {
            #expect(block.start == next)
            let row = rows[Int(block.start - first)]
            #expect(block.state == row.verdict.state)
            #expect(layout.withBytes(of: block.slot) { layout.decode($0) } == block.slot)
            next += block.count
        }
        #expect(next == first + UInt64(rows.count))
    }

    /// From a core file, without an image: the whole way that `inspectd --core --profile` goes.
    @Test(arguments: [false, true]) func aDenseTableInAWindowOfVirtualMemory(_ isAliased: Bool) async throws {
        let kernel = try SyntheticKernel.dense()
        let machine = try kernel.machine(slots: Self.slots, seed: 12, isAliased: isAliased)
        let directory = try TemporaryDirectory(prefix: "core")
        let path = directory.file("dense.core")
        try await CoreFileBuilder.write(machine.memory, processors: [machine.state], to: path)
        var target = TargetSpecification(profile: kernel.profile)
        target.core = FilePath(path)
        target.anchors = ["first": 0xFFFF_FFFF_8100_0000, "last": 0xFFFF_FFFF_8100_0000 + 16 * UInt64(Self.slots)]
        try await Inspector.withInspector(attachedTo: target) { inspector in
            try await check(inspector, kernel, machine)
            #expect(inspector.placement.runs.count > 20, "the table's pages lie apart")
        }
    }

    @Test func aWideTableWhoseSlotsStraddlePages() async throws {
        let kernel = try SyntheticKernel.wide()
        let machine = try kernel.machine(slots: Self.slots, seed: 34)
        let inspector = try await inspector(kernel, machine, size: UInt64(Self.slots * 96))
        try await check(inspector, kernel, machine)
        // Bytes that are no whole slot are nobody's.
        let odd = try await self.inspector(kernel, machine, size: UInt64(Self.slots * 96 + 95))
        #expect(odd.placement.slotCount == UInt64(Self.slots))
    }

    private func inspector(
        _ kernel: SyntheticKernel, _ machine: SyntheticKernel.Machine, size: UInt64
    ) async throws -> Inspector {
        var target = TargetSpecification(profile: kernel.profile)
        var facts = KernelFacts(profile: kernel.profile)
        facts.anchors["pages"] = KernelFacts.Anchor(address: kernel.base - 0x40_0000, size: size, symbol: "mem::PAGES")
        target.slide = 0x40_0000
        let resolver = KernelResolver(target: target, memory: machine.memory)
        let layout = try facts.layout(for: kernel.profile)
        let (space, match) = try await resolver.findAddressSpace([machine.state], facts)
        let anchors = resolver.anchorAddresses(facts)
        let placement = try await resolver.placement(facts, anchors, layout, space)
        let resolved = ResolvedKernel(
            facts: facts, layout: layout, placement: placement, addressSpace: space, match: match,
            names: KernelNames(path: nil, slide: 0), anchors: anchors)
        return Inspector(target: target, memory: machine.memory, rungs: [], kernel: resolved, link: nil)
    }

    /// A symbol's size comes from an image; an address alone has none, and that is not a kernel that is still booting.
    @Test func aTableWithoutASizeIsNotTakenForOneThatIsEmpty() async throws {
        let kernel = try SyntheticKernel.wide()
        let machine = try kernel.machine(slots: 100, seed: 1)
        var target = TargetSpecification(profile: kernel.profile)
        target.anchors = ["pages": kernel.base]
        let resolver = KernelResolver(target: target, memory: machine.memory)
        let error = await #expect(throws: InspectorError.self) { try await resolver.resolve([machine.state]) }
        #expect(error?.code.description == "profileMismatch")
        #expect(error?.message.contains("size of pages") == true, "\(error?.message ?? "")")
    }

    /// What the shape of a slot cannot tell is not guessed: no scan for slots that straddle pages.
    @Test func aTableThatNoAnchorLeadsToIsNotGuessed() async throws {
        let kernel = try SyntheticKernel.wide()
        let machine = try kernel.machine(slots: Self.slots, seed: 2)
        let resolver = KernelResolver(target: TargetSpecification(profile: kernel.profile), memory: machine.memory)
        let error = await #expect(throws: InspectorError.self) { try await resolver.resolve([machine.state]) }
        #expect(error?.code.description == "profileMismatch")
        #expect(error?.message.contains("--anchor pages=ADDRESS") == true, "\(error?.message ?? "")")
    }
}
