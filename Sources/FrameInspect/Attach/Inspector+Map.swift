extension Inspector {
    /// The table as runs of frames in one state, by ascending frame.
    ///
    /// - Throws: ``InspectorError``.
    public func stateRuns() async throws(InspectorError) -> (runs: [StateRuns.Run], provenance: Provenance) {
        let (collector, provenance) = try await stream(
            start: { RunCollector(runs: StateRuns(layout: self.layout, books: $0.books)) },
            add: { collector, batch in collector.add(batch) })
        return (collector.finished(), provenance)
    }

    private struct RunCollector {
        var runs: StateRuns
        var found: [StateRuns.Run] = []

        mutating func add(_ batch: SlotBatch) {
            var found: [StateRuns.Run] = []
            swap(&found, &self.found)
            runs.add(batch) { found.append($0) }
            swap(&found, &self.found)
        }

        func finished() -> [StateRuns.Run] {
            var copy = self
            var found = found
            copy.runs.finish { found.append($0) }
            return found
        }
    }
}
