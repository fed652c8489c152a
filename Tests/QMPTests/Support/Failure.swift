import QMP

/// The error of the client that `body` throws; nil where it throws none, or another.
func failure(_ body: () async throws -> Void) async -> QMPError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? QMPError
    }
}
