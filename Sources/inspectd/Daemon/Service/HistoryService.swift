import Logging

/// The history, or the reason why there is none.
struct HistoryService: Sendable {
    var recorder: any SampleRecorder
    var access: any HistoryAccess

    /// Opens the history; the watch goes on without it where that fails.
    static func open(_ configuration: DaemonConfiguration.History?, logger: Logger) -> HistoryService {
        HistoryService(
            recorder: NoRecorder(), access: NoHistory(reason: "the configuration says that no history is kept"))
    }
}
