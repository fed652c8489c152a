import GRDB

/// Reads a history.
struct HistoryReader {
    /// What there is of a guest.
    struct Guest: Sendable, Equatable {
        var name: String
        /// Between which moments, in milliseconds since 1970; nil where no look is kept.
        var first: Int64?
        var last: Int64?
        /// Looks that are kept whole, and rows for minutes and hours.
        var looks: Int
        var minutes: Int
        var hours: Int
        var openFindings: Int
        var closedFindings: Int
        /// Pins that last, and those that ended.
        var openPins: Int
        var endedPins: Int
    }

    /// The values of a metric within a step.
    struct Point: Sendable, Equatable {
        /// Where the step begins, in milliseconds since 1970.
        var time: Int64
        var min: Double
        var max: Double
        var mean: Double
        /// Number of looks.
        var samples: Int64
    }

    /// One row of the database.
    struct StoredValue: Sendable, Equatable {
        var guest: String
        var metric: String
        /// How many milliseconds it stands for; 0 for a single look.
        var resolution: Int64
        var point: Point
    }

    /// A pin with its guest.
    struct StoredPin: Sendable, Equatable {
        var guest: String
        var pin: HistoryPin
        /// When it was seen last; nil while it lasts.
        var ended: Int64?
    }

    private let db: Database

    init(_ db: Database) { self.db = db }

    /// Bytes of the database, and those that are in use.
    func size() throws -> (total: Int, used: Int) { try HistoryStore.size(db) }

    /// The guests, by name.
    func guests() throws -> [Guest] {
        try Row.fetchAll(db, sql: "SELECT id, name FROM guest ORDER BY name").map { row in
            let id: Int64 = row["id"]
            func count(_ table: String, _ condition: String = "true") throws -> Int {
                try Int.fetchOne(
                    db, sql: "SELECT count(*) FROM \(table) WHERE guest = ? AND \(condition)", arguments: [id]) ?? 0
            }
            let span = try span(id)
            return Guest(
                name: row["name"], first: span?.lowerBound, last: span?.upperBound, looks: try count("sample"),
                minutes: try count("minute"), hours: try count("hour"),
                openFindings: try count("finding", "closed IS NULL"),
                closedFindings: try count("finding", "closed IS NOT NULL"),
                openPins: try count("pin", "ended IS NULL"), endedPins: try count("pin", "ended IS NOT NULL"))
        }
    }

    /// The number of a guest; nil where nothing is kept of it.
    func guest(_ name: String) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT id FROM guest WHERE name = ?", arguments: [name])
    }

    /// The first and the last look that are kept, in milliseconds since 1970.
    func span(_ guest: Int64) throws -> ClosedRange<Int64>? {
        var result: ClosedRange<Int64>?
        for table in ["sample", "minute", "hour"] {
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT (SELECT min(time) FROM \(table) WHERE guest = ?1) AS first,
                        (SELECT max(time) FROM \(table) WHERE guest = ?1) AS last
                    """,
                arguments: [guest])
            guard let row, let first: Int64 = row["first"], let last: Int64 = row["last"], first <= last else {
                continue
            }
            result = min(result?.lowerBound ?? first, first)...max(result?.upperBound ?? last, last)
        }
        return result
    }

    /// The shortest step, in milliseconds, in which each point has a look.
    func finestStep(_ guest: Int64, from: Int64, to: Int64) throws -> Int64 {
        for tier in HistorySchema.Tier.allCases.reversed() {
            let rows = try Int.fetchOne(
                db, sql: "SELECT 1 FROM \(tier.rawValue) WHERE guest = ? AND time >= ? AND time < ? LIMIT 1",
                arguments: [guest, from, to])
            if rows != nil { return tier.length }
        }
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT count(*) AS looks, max(time) - min(time) AS length FROM sample
                WHERE guest = ? AND time >= ? AND time < ?
                """,
            arguments: [guest, from, to])
        guard let row, let length: Int64 = row["length"], let looks: Int64 = row["looks"], looks > 1 else {
            return 1000
        }
        // Looks are not as regular as steps are.
        return max(length * 2 / (looks - 1), 100)
    }

    /// The points of a metric that have a look, by time.
    func points(_ guest: Int64, _ metric: HistoryMetric, _ range: HistoryRange) throws -> [Point] {
        guard try has(metric) else { return [] }
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT (time - ?2) / ?4 AS bucket, min(low) AS low, max(high) AS high,
                    sum(mean * samples) * 1.0 / sum(samples) AS mean, sum(samples) AS samples
                FROM (\(Self.union(metric, "guest = ?1 AND time >= ?2 AND time < ?3"))) GROUP BY bucket ORDER BY bucket
                """,
            arguments: [guest, range.from, range.to, range.step])
        return rows.map { row in
            let bucket: Int64 = row["bucket"]
            return Point(
                time: range.from + bucket * range.step, min: row["low"], max: row["high"], mean: row["mean"],
                samples: row["samples"])
        }
    }

    /// What is kept of metrics, row by row as it is kept.
    func forEachValue(
        guests: [(id: Int64, name: String)], _ metrics: [HistoryMetric], from: Int64, to: Int64,
        _ body: (StoredValue) throws -> Void
    ) throws {
        for guest in guests {
            for metric in metrics where try has(metric) {
                let cursor = try Row.fetchCursor(
                    db,
                    sql: Self.union(metric, "guest = ?1 AND time >= ?2 AND time < ?3") + " ORDER BY time, length",
                    arguments: [guest.id, from, to])
                while let row = try cursor.next() {
                    try body(
                        StoredValue(
                            guest: guest.name, metric: metric.name, resolution: row["length"],
                            point: Point(
                                time: row["time"], min: row["low"], max: row["high"], mean: row["mean"],
                                samples: row["samples"])))
                }
            }
        }
    }

    private static func union(_ metric: HistoryMetric, _ condition: String) -> String {
        let name = metric.name
        let whole = """
            SELECT time, "\(name)" AS low, "\(name)" AS high, "\(name)" AS mean, 1 AS samples, 0 AS length
            FROM sample WHERE \(condition) AND "\(name)" IS NOT NULL
            """
        return HistorySchema.Tier.allCases.reduce(whole) { text, tier in
            text + """
                 UNION ALL
                SELECT time, "\(name).min", "\(name).max", "\(name).mean", samples, \(tier.length)
                FROM \(tier.rawValue) WHERE \(condition) AND "\(name).mean" IS NOT NULL
                """
        }
    }

    /// Whether the database knows a metric: an earlier version may not have written it.
    func has(_ metric: HistoryMetric) throws -> Bool {
        try db.columns(in: "sample").contains { $0.name == metric.name }
    }

    /// Findings that were there at some time within a span, the oldest first; open ones too where they are wanted.
    func findings(
        _ guest: Int64, from: Int64, to: Int64 = .max, open: Bool, closed: Bool = true, limit: Int = .max
    ) throws -> [HistoryFinding] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT * FROM finding WHERE guest = ?1 AND opened < ?3
                    AND ((closed >= ?2 AND ?5) OR (closed IS NULL AND ?4)) ORDER BY confirmed, id LIMIT ?6
                """,
            arguments: [guest, from, to, open, closed, limit]
        ).map { row in
            HistoryFinding(
                fingerprint: row["fingerprint"], rule: row["rule"], severity: row["severity"], subject: row["subject"],
                message: row["message"], opened: row["opened"], confirmed: row["confirmed"], closed: row["closed"],
                frames: row["frames"], document: row["document"])
        }
    }

    /// Pins that were there at some time within a span, the oldest first.
    func forEachPin(
        guests: [(id: Int64, name: String)], from: Int64, to: Int64, _ body: (StoredPin) throws -> Void
    ) throws {
        for guest in guests {
            let cursor = try Row.fetchCursor(
                db,
                sql: """
                    SELECT * FROM pin WHERE guest = ? AND (ended IS NULL OR ended >= ?) AND began < ?
                    ORDER BY began, frame
                    """,
                arguments: [guest.id, from, to])
            while let row = try cursor.next() {
                try body(StoredPin(guest: guest.name, pin: Self.pin(row), ended: row["ended"]))
            }
        }
    }

    /// A pin of a row.
    static func pin(_ row: Row) -> HistoryPin {
        func unsigned(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) }
        let generation: Int64? = row["generation"]
        let began: Int64 = row["began"]
        return HistoryPin(
            key: HistoryPin.Key(
                frame: unsigned(row["frame"]), order: row["order"], generation: generation.map(unsigned)),
            pins: unsigned(row["pins"]), isOrphaned: row["orphaned"], began: began, lastSeen: began)
    }
}
