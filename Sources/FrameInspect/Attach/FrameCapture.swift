internal import GuestMemory

/// A copy of a piece of the frame table, kept outside the private memory of this process.
public struct FrameCapture: Sendable {
    /// Reads the copy in ascending order.
    public let reader: FrameTableReader
    /// Reads the copy at random.
    public let view: SlotView
    /// The slots that were copied.
    public let slots: Range<UInt64>
    /// What the allocator said at the time.
    public let allocator: AllocatorBooks
    /// Where the slots come from, and what the guest was doing meanwhile.
    public let provenance: Provenance
    /// Indices of slots that changed between the two reads of a running guest, ascending.
    public let moved: [UInt64]
}

extension Inspector {
    /// How many moved slots are listed and counted; a guest that moves more than that is churning all over.
    public static let movedLimit = 1 << 20

    /// Copies slots into a file in memory: at once while the guest is stopped, or twice while it runs.
    ///
    /// - Throws: ``InspectorError``.
    public func capture(_ slots: Range<UInt64>) async throws(InspectorError) -> FrameCapture {
        try await capture(slots) { () async throws(InspectorError) in (try await self.readBooks(), ()) }.0
    }

    /// Copies slots and what else `gather` reads, all of one moment where the guest may be stopped.
    func capture<Gathered: Sendable>(
        _ slots: Range<UInt64>,
        gathering gather: () async throws(InspectorError) -> (AllocatorBooks, Gathered)
    ) async throws(InspectorError) -> (FrameCapture, Gathered) {
        guard slots.upperBound <= placement.slotCount else {
            throw InspectorError(
                .usage, "the frame table has \(placement.slotCount) slots; \(slots.upperBound) were asked for")
        }
        let runs = placement.runs(ofSlots: slots)
        let copy: TableCopy
        do { copy = try TableCopy(runs: runs) } catch { throw InspectorError(error) }
        await prefault(slots)
        let size = UInt64(slots.count) &* UInt64(layout.stride)
        let progress = ProgressTally(total: isLive ? size &* 2 : size, report: target.progress)
        var ((books, gathered), provenance) = try await consistently { () async throws(InspectorError) in
            do throws(MemoryError) {
                try await copy.fill(from: self.memory, progress)
            } catch {
                throw InspectorError(error)
            }
            return try await gather()
        }
        var moved: [UInt64] = []
        if isLive {
            do {
                moved = try await copy.differences(from: reader, in: slots, progress)
            } catch {
                throw InspectorError(error)
            }
            provenance.movedSlots = moved.count
        }
        let reader: FrameTableReader
        do {
            reader = FrameTableReader(layout: layout, placement: placement, memory: try copy.memory(kind: memory.kind))
        } catch {
            throw InspectorError(error)
        }
        let capture = FrameCapture(
            reader: reader, view: SlotView(copy: copy, layout: layout, placement: placement, slots: slots),
            slots: slots, allocator: books, provenance: provenance, moved: moved)
        return (capture, gathered)
    }

    /// A snapshot of the whole table in columns.
    ///
    /// - Throws: ``InspectorError``.
    public func snapshot() async throws(InspectorError) -> FrameTable {
        try await table(of: try await capture(reader.allSlots))
    }

    /// The columns of a copy of the whole table.
    func table(of capture: FrameCapture) async throws(InspectorError) -> FrameTable {
        do {
            return try await FrameTable(
                reading: capture.reader, books: capture.allocator.books, provenance: capture.provenance,
                moved: capture.moved.map { layout.frame(at: $0) })
        } catch {
            throw InspectorError(error)
        }
    }
}
