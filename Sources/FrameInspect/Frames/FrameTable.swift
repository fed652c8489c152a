public import GuestMemory

/// A snapshot of a frame table: one column per field, one row per frame, O(1) by frame number.
///
/// A table of 4,194,304 strat9 slots (16 GiB of guest) takes 184 MiB; what streams over the slots needs none of it.
public struct FrameTable: Sendable {
    /// What a slot looks like.
    public let layout: FrameLayout
    /// Number of slots.
    public let count: Int
    /// Where the slots come from, and what the guest was doing meanwhile.
    public let provenance: Provenance
    /// Frames whose slots changed between the two reads of a running guest, ascending; empty for a guest that stood still.
    public let moved: [FrameNumber]

    /// Physical address of the next free block.
    public let next: FrameColumn
    /// Physical address of the previous free block.
    public let prev: FrameColumn
    /// Virtual address of the vtable.
    public let vtable: FrameColumn
    /// Flag bits.
    public let flags: FrameColumn
    /// Buddy order.
    public let order: FrameColumn
    /// References as stored.
    public let refcount: FrameColumn
    /// Number of claims.
    public let generation: FrameColumn
    /// Guard bits.
    public let guardBits: FrameColumn
    /// Whatever else the kernel notes.
    public let aux: FrameColumn
    private let states: FrameColumn

    /// Decodes all slots that `reader` hands out.
    ///
    /// - Throws: `MemoryError` of the reader's source.
    public init(
        reading reader: FrameTableReader, books: FreeFrameSets = FreeFrameSets(), provenance: Provenance,
        moved: [FrameNumber] = []
    ) async throws(MemoryError) {
        let layout = reader.layout
        // What does not fit the guest's memory was never there: a bound for the columns. Pages may serve the table more than
        // once, and a copy of it has only those that it is made of.
        guard reader.placement.byteCount <= reader.memory.map.end.rawValue,
            let count = Int(exactly: reader.placement.slotCount)
        else {
            throw MemoryError(
                .malformed,
                "a frame table of \(reader.placement.slotCount) slots does not fit the guest's "
                    + "memory, which ends at \(reader.memory.map.end)")
        }
        func column(_ field: FieldLayout) -> FrameColumn {
            FrameColumn(width: field.isPresent ? field.width : 0, count: count)
        }
        let columns = SlotField.allCases.map { (field: layout[$0], column: column(layout[$0])) }
        let states = FrameColumn(width: 1, count: count)
        var runs = StateRuns(layout: layout, books: books)
        func note(_ run: StateRuns.Run) {
            guard let index = layout.index(of: FrameNumber(run.start)) else { return }
            states.fill(from: Int(index), count: Int(run.count), byte: run.state.rawValue)
        }
        try await reader.forEachBatch(in: reader.allSlots) { (batch) throws(MemoryError) in
            for (field, column) in columns {
                column.fill(from: Int(batch.firstIndex), field, batch, stride: layout.stride)
            }
            runs.add(batch, note)
            return true
        }
        runs.finish(note)
        self.layout = layout
        self.count = count
        self.provenance = provenance
        self.moved = moved
        self.states = states
        func filled(_ field: SlotField) -> FrameColumn {
            SlotField.allCases.firstIndex(of: field).map { columns[$0].column } ?? FrameColumn(width: 0, count: count)
        }
        next = filled(.next)
        prev = filled(.prev)
        vtable = filled(.vtable)
        flags = filled(.flags)
        order = filled(.order)
        refcount = filled(.refcount)
        generation = filled(.generation)
        guardBits = filled(.guard)
        aux = filled(.aux)
    }

    /// The row of a frame; nil where the table has no slot for it.
    public func index(of frame: FrameNumber) -> Int? {
        guard let index = layout.index(of: frame), index < UInt64(count) else { return nil }
        return Int(index)
    }

    /// The frame of a row.
    public func frame(at index: Int) -> FrameNumber { layout.frame(at: UInt64(index)) }

    /// The decoded slot of a frame; nil where the table has none for it.
    public subscript(frame: FrameNumber) -> MetaSlot? { index(of: frame).map { slot(at: $0) } }

    /// The state of a row.
    public func state(at index: Int) -> FrameState { FrameState(rawValue: UInt8(states[index])) ?? .inconsistent }

    /// The decoded slot of a row, which must be inside.
    public func slot(at index: Int) -> MetaSlot {
        let stored = refcount[index]
        return MetaSlot(
            freeLink: MetaSlot.FreeLink(
                next: layout.next.isPresent ? next[index] : layout.linkNone,
                prev: layout.prev.isPresent ? prev[index] : layout.linkNone),
            vtable: layout.vtable.isPresent ? vtable[index] : layout.vtableDefault, flags: flags[index],
            order: UInt8(clamping: order[index]), refcount: stored,
            references: stored == layout.refcountUnused || !layout.refcount.isPresent
                ? nil : layout.references(stored: stored),
            generation: layout.generation.isPresent ? generation[index] : nil, guardBits: guardBits[index],
            aux: aux[index])
    }
}
