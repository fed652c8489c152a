import GuestMemory
import GuestTesting

@testable import FrameInspect

/// A kernel that exists on paper only: a profile, and a frame table in memory that a test makes up.
///
/// Its slots are written here, without any help of the layout that reads them.
struct SyntheticKernel {
    /// What a slot was written with, and what must be read.
    struct Row: Sendable {
        var flags: UInt64
        var refcount: UInt64
        /// Nil for unused.
        var references: UInt64?
        var order: UInt64 = 0
        var next: UInt64 = 0
        var prev: UInt64 = 0
        var guardBits: UInt64 = 0
        var verdict: FrameVerdict

        init(
            _ state: FrameState, flags: UInt64, refcount: UInt64, references: UInt64?, order: UInt64 = 0,
            next: UInt64 = 0, prev: UInt64 = 0, guardBits: UInt64 = 0
        ) {
            self.flags = flags
            self.refcount = refcount
            self.references = references
            self.order = order
            self.next = next
            self.prev = prev
            self.guardBits = guardBits
            verdict = FrameVerdict(state)
        }

        init(
            _ contradiction: Contradiction, flags: UInt64, refcount: UInt64, references: UInt64?, order: UInt64 = 0,
            next: UInt64 = 0, guardBits: UInt64 = 0
        ) {
            self.init(
                .inconsistent, flags: flags, refcount: refcount, references: references, order: order, next: next,
                guardBits: guardBits)
            verdict = FrameVerdict(contradiction)
        }
    }

    var profile: KernelProfile
    /// Virtual address of slot 0.
    var base: UInt64
    var stride: Int
    var levels: Int
    /// Every kind of slot, for frames that can head any block.
    var examples: [Row]
    /// The bytes of a slot; the rest is noise that no field covers.
    var encode: @Sendable (Row, inout [UInt8]) -> Void

    /// Puts a little-endian number into some bits of a slot.
    static func put(_ value: UInt64, bit first: Int, count: Int, _ bytes: inout [UInt8]) {
        for bit in 0..<count {
            let place = first + bit
            let mask: UInt8 = 1 << UInt8(place % 8)
            if value >> UInt64(bit) & 1 == 1 { bytes[place / 8] |= mask } else { bytes[place / 8] &= ~mask }
        }
    }

    /// A machine with this kernel in it.
    struct Machine {
        var memory: BufferMemory
        var state: ProcessorState
        var rows: [Row]
        /// The slots' bytes.
        var slots: [[UInt8]]
    }

    /// Lays out a table of random slots, each of its pages anywhere in RAM; `isAliased` maps three of them to one page.
    func machine(slots count: Int, seed: UInt64, isAliased: Bool = false) throws -> Machine {
        let regions = [(0, 0xA_0000), (0x10_0000, 8 << 20), (16 << 20, 4 << 20)] as [(UInt64, UInt64)]
        let memory = BufferMemory(
            map: RAMMap(regions.compactMap { RAMRegion(start: PhysicalAddress($0.0), length: $0.1) }))
        var random = SeededGenerator(seed: seed)
        var pages = regions.flatMap { region in (region.0 / 4096..<(region.0 + region.1) / 4096).map { $0 * 4096 } }
        pages.removeFirst()
        pages.shuffle(using: &random)
        let builder = PageTableBuilder(memory: memory, levels: levels) { pages.removeLast() }
        var rows: [Row] = []
        var slots: [[UInt8]] = []
        while rows.count < count {
            let row = examples[Int(random.next() % UInt64(examples.count))]
            for _ in 0..<(1 + random.next() % 7) where rows.count < count {
                var bytes = (0..<stride).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                encode(row, &bytes)
                rows.append(row)
                slots.append(bytes)
            }
        }
        var table = slots.flatMap { $0 }
        if isAliased {
            // Every slot of the pages 3 to 5 is that of page 2; the slots must not straddle pages for this.
            let perPage = 4096 / stride
            for page in 3...5 {
                for slot in 0..<perPage {
                    rows[page * perPage + slot] = rows[2 * perPage + slot]
                    slots[page * perPage + slot] = slots[2 * perPage + slot]
                }
            }
            table = slots.flatMap { $0 }
        }
        var shared: UInt64 = 0
        for (index, start) in Swift.stride(from: 0, to: table.count, by: 4096).enumerated() {
            let page = isAliased && (3...5).contains(index) ? shared : pages.removeLast()
            if index == 2 { shared = page }
            try memory.store(Array(table[start..<min(start + 4096, table.count)]), at: PhysicalAddress(page))
            try builder.map(base + UInt64(start), to: page)
        }
        let state = ProcessorState(
            cr0: 1 << 31 | 1, cr3: builder.root, cr4: levels == 5 ? 1 << 12 | 1 << 5 : 1 << 5,
            efer: 1 << 8 | 1 << 10 | 1 << 11)
        return Machine(memory: memory, state: state, rows: rows, slots: slots)
    }
}
