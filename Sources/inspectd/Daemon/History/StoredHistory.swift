import FrameInspect
import GRDB
import HTTPTypes

/// Answers the API from the database.
struct StoredHistory: HistoryAccess {
    /// The most findings of one answer.
    private static let maximumFindings = 10_000
    /// What is shown where no beginning is given, in milliseconds.
    private static let usualSpan: Int64 = 3_600_000

    let status: HistoryStatus
    let path: String

    func closedFindings(guest: String, since: Double) async throws -> [JSONValue] {
        let from = HistoryTime.milliseconds(since)
        return try await read { reader in
            guard let id = try reader.guest(guest) else { return [] }
            return try reader.findings(id, from: from, open: false, limit: Self.maximumFindings).map(\.json)
        }
    }

    func answer(guest: String, _ query: [String: String]) async throws -> JSONValue {
        guard let name = query["metric"] else {
            if let other = ["from", "to", "step"].first(where: { query[$0] != nil }) {
                throw Problem(.badRequest, "\(other) needs a metric; without any parameter, all metrics are listed")
            }
            _ = try database()
            return .object([
                (
                    "metrics",
                    .array(
                        HistoryMetric.all.map { metric in
                            .object([
                                ("name", .string(metric.name)), ("unit", .string(metric.unit)),
                                ("text", .string(metric.text)),
                            ])
                        })
                )
            ])
        }
        let metric = try HistoryMetric.named(name)
        let to = HistoryTime.milliseconds(try RequestFields.time(query, "to") ?? WallClock.now)
        let from =
            try RequestFields.time(query, "from").map(HistoryTime.milliseconds) ?? max(to - Self.usualSpan, 0)
        let step = try query["step"].map { text in
            guard let step = HistoryRange.duration(text) else {
                throw Problem(
                    .badRequest,
                    "step is '\(DisplayText.harmless(text))'; write seconds, or a duration like 500ms or 5min")
            }
            return step
        }
        return try await read { reader in
            let id = try reader.guest(guest)
            let range = try HistoryRange(from: from, to: to, step: step) {
                try id.map { try reader.finestStep($0, from: from, to: to) } ?? 1000
            }
            let points = try id.map { try reader.points($0, metric, range) } ?? []
            let values = Dictionary(points.map { ($0.time, $0.mean) }, uniquingKeysWith: { $1 })
            let list = (0..<range.count).map { index in
                let time = range.from + Int64(index) * range.step
                return JSONValue.array([
                    .string(HistoryTime.text(time)), values[time].map { .amount($0) } ?? .null,
                ])
            }
            return .object([
                ("metric", .string(metric.name)), ("unit", .string(metric.unit)),
                ("step", .amount(Double(range.step) / 1000)), ("points", .array(list)),
            ])
        }
    }

    private func database() throws(Problem) -> DatabasePool {
        do { return try status.database() } catch { throw Problem(.serviceUnavailable, error.description) }
    }

    private func read<Value: Sendable>(_ body: @escaping @Sendable (HistoryReader) throws -> Value) async throws
        -> Value
    {
        let pool = try database()
        do {
            return try await pool.read { db in try body(HistoryReader(db)) }
        } catch let error as DatabaseError {
            throw Problem(.serviceUnavailable, HistoryError(error, path).description)
        }
    }
}

extension JSONValue {
    /// A measured number: whole ones without decimals.
    static func amount(_ value: Double) -> JSONValue {
        value >= 0 && value < 9e15 && value == value.rounded() ? .number(UInt64(value)) : .decimal(value)
    }
}
