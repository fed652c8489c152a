import Logging

/// The history, or the reason why there is none.
struct HistoryService: Sendable {
    var recorder: any SampleRecorder
    var access: any HistoryAccess

    /// Opens the history; the watch goes on without it where that fails.
    static func open(_ configuration: DaemonConfiguration.History?, logger: Logger) -> HistoryService {
        guard let configuration else {
            return HistoryService(
                recorder: NoRecorder(), access: NoHistory(reason: "the configuration says that no history is kept"))
        }
        let (queue, status) = (HistoryQueue(), HistoryStatus())
        let writer = HistoryWriter(configuration, queue: queue, status: status, logger: logger)
        // A disk that is slow or broken must not hold the watch up, so the file is opened there too.
        Task { await writer.run() }
        return HistoryService(
            recorder: HistoryRecorder(queue: queue, writer: writer),
            access: StoredHistory(status: status, path: configuration.path))
    }
}
