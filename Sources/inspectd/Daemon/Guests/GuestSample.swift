import FrameInspect

/// One look at a guest with everything that the API tells of it; nothing in it changes any more.
struct GuestSample: Sendable {
    /// Its number, from 1 on.
    var number: Int
    /// What was seen.
    var observation: Observation
    /// The inspection that it is from, for names and layouts; no longer attached after a while.
    var inspector: Inspector
    /// How long it took, in seconds.
    var seconds: Double
    /// The frames, counted.
    var summary: SummaryReport
    /// Number of frames by the name of their state.
    var states: [(name: String, frames: UInt64)]
    /// The table as runs of frames in one state.
    var runs: [StateRuns.Run]
    /// The pins, the oldest first.
    var pins: [PinWatch.Life]
    /// Pins by age; see ``PinWatch/buckets``.
    var pinAges: [Int]
    /// Pinned blocks without a capability.
    var orphanedPins: Int { pins.count { $0.isOrphaned } }
    /// The findings that are sure.
    var findings: [WatchedFinding]
    /// Rules that could not look, and why.
    var obstacles: [RuleIdentifier: AuditCollector.Obstacle]
    /// Bytes of the record of this look's changes.
    var recordBytes: Int
    /// When it began, in seconds since 1970.
    var time: Double { observation.provenance.time }
}
