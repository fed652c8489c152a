import GRDB
import Synchronization

/// Whether there is a history just now, for those who read it.
final class HistoryStatus: Sendable {
    private enum State {
        case opening
        case ready(DatabasePool)
        case failed(HistoryError)
    }

    private let state = Mutex(State.opening)

    /// The history can be read from now on.
    func enter(_ pool: DatabasePool) { state.withLock { $0 = .ready(pool) } }

    /// There is none for now.
    func enter(_ error: HistoryError) { state.withLock { $0 = .failed(error) } }

    /// The database.
    ///
    /// - Throws: Why there is none.
    func database() throws(HistoryError) -> DatabasePool {
        switch state.withLock({ $0 }) {
        case .opening: throw HistoryError(.failed, "the history is being opened; try again in a moment")
        case .ready(let pool): return pool
        case .failed(let error): throw error
        }
    }
}
