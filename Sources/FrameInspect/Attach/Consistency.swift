/// Whether the guest is stopped while its frame table is read.
public enum Consistency: String, Hashable, Sendable, Codable, CaseIterable {
    /// Stop, copy, continue: every slot is of the same moment. A guest that was stopped stays stopped.
    case paused
    /// The guest runs on; slots are read twice and those that moved in between are marked.
    case live
}
