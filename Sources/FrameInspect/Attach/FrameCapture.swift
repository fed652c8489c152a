internal import GuestMemory

/// A copy of a piece of the frame table, kept outside the private memory of this process.
public struct FrameCapture: Sendable {
    /// Reads the copy.
    public let reader: FrameTableReader
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
    /// How many moved slots are listed; a guest that moves more than that is churning all over.
    static let movedLimit = 1 << 20

    /// Copies slots into a file in memory: at once while the guest is stopped, or twice while it runs.
    ///
    /// - Throws: ``InspectorError``.
    public func capture(_ slots: Range<UInt64>) async throws(InspectorError) -> FrameCapture {
        guard slots.upperBound <= placement.slotCount else {
            throw InspectorError(
                .usage, "the frame table has \(placement.slotCount) slots; \(slots.upperBound) were asked for")
        }
        let runs = placement.runs(ofSlots: slots)
        let copy: TableCopy
        do { copy = try TableCopy(runs: runs, map: memory.map) } catch { throw InspectorError(error) }
        await prefault(slots)
        let (books, provenance) = try await consistently { () async throws(InspectorError) in
            do throws(MemoryError) { try await copy.fill(from: self.memory) } catch { throw InspectorError(error) }
            return try await self.readBooks()
        }
        var moved: [UInt64] = []
        if isLive {
            do { moved = try await copy.differences(from: reader, in: slots) } catch { throw InspectorError(error) }
        }
        let reader: FrameTableReader
        do {
            reader = FrameTableReader(layout: layout, placement: placement, memory: try copy.memory(kind: memory.kind))
        } catch {
            throw InspectorError(error)
        }
        return FrameCapture(reader: reader, slots: slots, allocator: books, provenance: provenance, moved: moved)
    }

    /// A snapshot of the whole table in columns.
    ///
    /// - Throws: ``InspectorError``.
    public func snapshot() async throws(InspectorError) -> FrameTable {
        let capture = try await capture(reader.allSlots)
        do {
            return try await FrameTable(
                reading: capture.reader, books: capture.allocator.books, provenance: capture.provenance,
                moved: capture.moved.map { layout.frame(at: $0) })
        } catch {
            throw InspectorError(error)
        }
    }
}
