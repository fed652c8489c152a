import FrameInspect
import HTTPTypes

/// What the API asks of the history.
protocol HistoryAccess: Sendable {
    /// Findings of a guest that are gone, as the API shows them, from a moment on.
    func closedFindings(guest: String, since: Double) async throws -> [JSONValue]
    /// The points of a metric, or the metrics there are where none is named.
    func answer(guest: String, _ query: [String: String]) async throws -> JSONValue
}

/// There is no history.
struct NoHistory: HistoryAccess {
    /// Why.
    let reason: String

    func closedFindings(guest: String, since: Double) async throws -> [JSONValue] {
        throw Problem(.serviceUnavailable, reason)
    }

    /// There are no metrics, which is no error; a metric that is asked for is.
    func answer(guest: String, _ query: [String: String]) async throws -> JSONValue {
        guard query.isEmpty else { throw Problem(.serviceUnavailable, reason) }
        return .object([("metrics", .array([])), ("problem", .string(reason))])
    }
}
