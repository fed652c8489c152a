extension Inspector {
    /// The table as runs of frames in one state, by ascending frame.
    ///
    /// - Throws: ``InspectorError``.
    public func stateRuns() async throws(InspectorError) -> (runs: [StateRuns.Run], provenance: Provenance) {
        let (collectors, provenance) = try await stream(
            start: { RunCollector(runs: StateRuns(layout: self.layout, books: $0.books)) },
            add: { collector, batch in collector.add(batch) })
        var runs: [StateRuns.Run] = []
        for collector in collectors {
            for run in collector.finished() {
                // A run may go on across the border of two parts.
                if let last = runs.last, last.state == run.state, last.start &+ last.count == run.start {
                    runs[runs.count - 1].count &+= run.count
                } else {
                    runs.append(run)
                }
            }
        }
        return (runs, provenance)
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
