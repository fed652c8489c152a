/// A finding with its life: when it was seen first, made sure of, and gone.
public struct WatchedFinding: Hashable, Sendable {
    /// The finding as it was seen last.
    public var finding: Finding
    /// When it was seen first, in seconds since 1970.
    public var opened: Double
    /// When it was made sure of; nil for one that may still pass.
    public var confirmed: Double?
    /// When a look no longer showed it; nil while it lasts.
    public var closed: Double?
    /// When it was seen last.
    public var lastSeen: Double
    /// In how many looks it was the same, one after the other.
    var sightings = 1
    /// What was the same.
    var identity: String
    /// Since when it was the same, in seconds since 1970.
    var unchangedSince: Double

    init(_ finding: Finding, at time: Double) {
        self.finding = finding
        opened = time
        lastSeen = time
        identity = finding.identity
        unchangedSince = time
    }

    /// The same for the same fault in every run.
    public var fingerprint: String { finding.fingerprint }
}
