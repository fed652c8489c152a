internal import GuestMemory
internal import NIOCore

extension Inspector {
    /// Counts the frames of the whole table by flags, state, order, references and zone.
    ///
    /// Streams over the table where it lies: memory does not grow with the guest. A running guest that is not stopped is read
    /// twice, through ``capture(_:)``.
    /// - Throws: ``InspectorError``.
    public func summary() async throws(InspectorError) -> (summary: FrameSummary, provenance: Provenance) {
        let (censuses, provenance) = try await stream(
            start: { FrameCensus(layout: self.layout, zones: $0.zones, books: $0.books) },
            add: { census, batch in census.add(batch) })
        return (FrameSummary(censuses), provenance)
    }

    /// Hands every slot of the table to accumulators, of one moment where the guest may be stopped.
    ///
    /// The table is cut into as many parts as can be read at once; the accumulators come back in the order of their parts.
    func stream<Accumulator: Sendable>(
        start: @Sendable (AllocatorBooks) -> Accumulator,
        add: @escaping @Sendable (inout Accumulator, SlotBatch) -> Void
    ) async throws(InspectorError) -> ([Accumulator], Provenance) {
        if isLive {
            let capture = try await capture(reader.allSlots)
            let parts = try await capture.reader.reduceInParts(start(capture.allocator), nil, add)
            return (parts, capture.provenance)
        }
        await prefault(reader.allSlots)
        let progress = ProgressTally(total: placement.byteCount, report: target.progress)
        return try await consistently { () async throws(InspectorError) in
            try await self.reader.reduceInParts(start(try await self.readBooks()), progress, add)
        }
    }

    /// Brings the table's pages into this process before the guest is stopped for them.
    func prefault(_ slots: Range<UInt64>) async {
        guard let mapped = memory as? MappedMemory else { return }
        await withTaskGroup(of: Void.self) { group in
            for part in reader.parts(of: slots) {
                let runs = placement.runs(ofSlots: part)
                group.addTask {
                    for run in runs where !Task.isCancelled { mapped.prefault(at: run.address, count: run.count) }
                }
            }
        }
    }
}

extension FrameTableReader {
    /// The fewest slots that are worth a task of their own.
    private static let slotsPerPart: UInt64 = 1 << 16
    /// The most tasks: beyond this, memory is the limit.
    private static let maximumParts: UInt64 = 4

    /// A range of slots, cut for as many tasks as can read it at once.
    func parts(of slots: Range<UInt64>) -> [Range<UInt64>] {
        let count = UInt64(slots.count)
        let useful = max(1, min(FrameTableReader.maximumParts, count / FrameTableReader.slotsPerPart))
        let number = memory.kind.readsInParallel ? min(useful, UInt64(max(1, System.coreCount))) : 1
        return (0..<number).map { part in
            slots.lowerBound &+ count * part / number..<slots.lowerBound &+ count * (part + 1) / number
        }
    }

    /// Hands all slots to copies of an accumulator, one for each part of the table; they come back in order.
    func reduceInParts<Accumulator: Sendable>(
        _ start: Accumulator, _ progress: ProgressTally?,
        _ add: @escaping @Sendable (inout Accumulator, SlotBatch) -> Void
    ) async throws(InspectorError) -> [Accumulator] {
        let parts = parts(of: allSlots)
        let results = await withTaskGroup(of: (Int, Result<Accumulator, MemoryError>).self) { group in
            for (number, part) in parts.enumerated() {
                group.addTask {
                    var accumulator = start
                    do throws(MemoryError) {
                        try await self.forEachBatch(in: part) { (batch) throws(MemoryError) in
                            add(&accumulator, batch)
                            progress?.advance(by: UInt64(batch.count * self.layout.stride))
                            return !Task.isCancelled
                        }
                        return (number, .success(accumulator))
                    } catch {
                        return (number, .failure(error))
                    }
                }
            }
            var results: [Result<Accumulator, MemoryError>?] = Array(repeating: nil, count: parts.count)
            for await (number, result) in group { results[number] = result }
            return results
        }
        if Task.isCancelled { throw .cancelled }
        var accumulators: [Accumulator] = []
        for result in results {
            guard let result else { continue }
            do { accumulators.append(try result.get()) } catch { throw InspectorError(error) }
        }
        return accumulators
    }
}

extension MemorySourceKind {
    /// Whether reads of several tasks at once take less time than one after the other.
    var readsInParallel: Bool {
        switch self {
        case .mapped, .process, .core, .buffer: true
        case .dump, .pmemsave, .gdbstub: false
        }
    }
}
