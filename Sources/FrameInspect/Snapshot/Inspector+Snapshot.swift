internal import GuestMemory

extension Inspector {
    /// Which kernel this is, for comparison with a snapshot.
    public var snapshotKernel: SnapshotKernel {
        SnapshotKernel(facts, profile: target.profile, layout: layout, placement: placement)
    }

    /// Takes a snapshot: the frame table and the kernel's books of one moment.
    ///
    /// - Throws: ``InspectorError``; ``SnapshotError`` with code `.tooLarge`.
    public func takeSnapshot() async throws -> KernelSnapshot {
        let survey = try await survey(search: .never)
        return try await KernelSnapshot(
            kernel: snapshotKernel, provenance: survey.capture.provenance, slots: survey.capture.view,
            ownership: survey.books.ownership, mappings: survey.books.mappings)
    }
}
