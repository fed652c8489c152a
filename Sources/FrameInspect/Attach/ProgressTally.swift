internal import Synchronization

/// Adds up what several tasks have read of one table.
final class ProgressTally: Sendable {
    private let done = Atomic<UInt64>(0)
    private let total: UInt64
    private let report: ReadProgress?

    /// Nothing of `total` bytes yet; `report` is told each step.
    init(total: UInt64, report: ReadProgress?) {
        self.total = total
        self.report = report
    }

    /// So many bytes more are read.
    func advance(by count: UInt64) {
        guard let report else { return }
        report(done.wrappingAdd(count, ordering: .relaxed).newValue, total)
    }
}
