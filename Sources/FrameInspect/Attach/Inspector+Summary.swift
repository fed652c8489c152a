internal import GuestMemory

extension Inspector {
    /// Counts the frames of the whole table by flags, state, order, references and zone.
    ///
    /// Streams over the table where it lies: memory does not grow with the guest. A running guest that is not stopped is read
    /// twice, through ``capture(_:)``.
    /// - Throws: ``InspectorError``.
    public func summary() async throws(InspectorError) -> (summary: FrameSummary, provenance: Provenance) {
        let (census, provenance) = try await stream(
            start: { FrameCensus(layout: self.layout, zones: $0.zones, books: $0.books) },
            add: { census, batch in census.add(batch) })
        return (census.summary, provenance)
    }

    /// Hands every slot of the table to an accumulator, of one moment where the guest may be stopped.
    func stream<Accumulator: Sendable>(
        start: @Sendable (AllocatorBooks) -> Accumulator,
        add: @Sendable (inout Accumulator, SlotBatch) -> Void
    ) async throws(InspectorError) -> (Accumulator, Provenance) {
        if isLive {
            let capture = try await capture(reader.allSlots)
            var accumulator = start(capture.allocator)
            do {
                try await capture.reader.forEachBatch(in: reader.allSlots) { (batch) throws(MemoryError) in
                    add(&accumulator, batch)
                    return true
                }
            } catch {
                throw InspectorError(error)
            }
            return (accumulator, capture.provenance)
        }
        prefault(reader.allSlots)
        return try await consistently { () async throws(InspectorError) in
            var accumulator = start(try await self.readBooks())
            do throws(MemoryError) {
                try await self.reader.forEachBatch(in: self.reader.allSlots) { (batch) throws(MemoryError) in
                    add(&accumulator, batch)
                    return !Task.isCancelled
                }
            } catch {
                throw InspectorError(error)
            }
            if Task.isCancelled { throw .cancelled }
            return accumulator
        }
    }

    /// Brings the table's pages into this process before the guest is stopped for them.
    func prefault(_ slots: Range<UInt64>) {
        guard let mapped = memory as? MappedMemory else { return }
        for run in placement.runs(ofSlots: slots) { mapped.prefault(at: run.address, count: run.count) }
    }
}
