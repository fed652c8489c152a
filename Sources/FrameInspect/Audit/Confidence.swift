/// How a finding was made sure of.
public enum Confidence: String, Sendable, Codable, CaseIterable {
    /// Seen in a guest that stood still: nothing could move meanwhile.
    case still
    /// Seen unchanged in every sample of a running guest.
    case confirmed
    /// Read from what does not change while the kernel runs: its code and constants.
    case constant
}
