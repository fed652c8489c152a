internal import GuestMemory

/// Compares the mapping indices of two snapshots, capability by capability.
enum MappingComparison {
    /// Walks through both indices.
    ///
    /// - Returns: What could not be told, and why.
    static func compare(
        _ before: KernelSnapshot, _ after: KernelSnapshot, _ collector: inout ChangeCollector
    ) throws(SnapshotError) -> [String] {
        var old = try before.mappings()
        var new = try after.mappings()
        var notes: [String] = []
        var isComparable = true
        for (name, index) in [("first", old), ("second", new)] {
            guard let reason = index.status.reason else { continue }
            if case .midChange = index.status, index.count != nil {
                notes.append("the mapping index of the \(name) snapshot may be half changed: \(reason)")
                continue
            }
            notes.append(
                "mappings were not compared: the mapping index of the \(name) snapshot could not be read (\(reason))")
            isComparable = false
        }
        guard isComparable else { return notes }
        var one = try old.next()
        var other = try new.next()
        while one != nil || other != nil {
            let capability = min(one?.capability ?? .max, other?.capability ?? .max)
            let was = one?.capability == capability ? one?.mappings : nil
            let now = other?.capability == capability ? other?.mappings : nil
            report(capability, was ?? [], now ?? [], &collector)
            if was != nil { one = try old.next() }
            if now != nil { other = try new.next() }
        }
        _ = try old.problems()
        _ = try new.problems()
        return notes
    }

    private static func report(
        _ capability: UInt64, _ was: ArraySlice<MappingIndex.Mapping>, _ now: ArraySlice<MappingIndex.Mapping>,
        _ collector: inout ChangeCollector
    ) {
        guard was != now else { return }
        let old = Set(was)
        let new = Set(now)
        for mapping in now where !old.contains(mapping) {
            collector.add(.mappedSince, capability: capability, before: "", after: text(mapping))
        }
        for mapping in was where !new.contains(mapping) {
            collector.add(.unmapped, capability: capability, before: text(mapping), after: "")
        }
    }

    private static func text(_ mapping: MappingIndex.Mapping) -> String {
        let address = String(mapping.address.rawValue, radix: 16)
        return "0x\(address) in address space \(mapping.space), \(mapping.pageSize) bytes"
    }
}
