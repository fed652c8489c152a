import FrameInspect

/// What was put into a file by `snapshot`.
struct SnapshotReport: Sendable {
    /// The file.
    var path: String
    /// What is in it.
    var snapshot: KernelSnapshot
    /// The same in numbers.
    var contents: KernelSnapshot.Contents
    /// Where it comes from.
    var provenance: Provenance
}
