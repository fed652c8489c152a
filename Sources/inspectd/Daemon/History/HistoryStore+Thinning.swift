import GRDB

extension HistoryStore {
    /// The most milliseconds that one step takes out of a table.
    private static let step: Int64 = 3_600_000
    /// Thinned values of minutes are kept so many times longer than whole samples, those of hours as long as anything.
    private static let minuteFactor: Int64 = 7

    /// Thins what is older than it may be, one step; true where nothing is left to do.
    static func thin(_ db: Database, now: Int64, retention: Duration, total: Duration) throws -> Bool {
        let whole = Int64(retention.inSeconds * 1000)
        let all = max(Int64(total.inSeconds * 1000), whole)
        let minutes = min(whole.multipliedReportingOverflow(by: minuteFactor).partialValue, all)
        var isDone = true
        for guest in try Int64.fetchAll(db, sql: "SELECT id FROM guest") {
            for (tier, age) in [(HistorySchema.Tier.minute, whole), (.hour, max(minutes, whole))] {
                let end = aligned(now - age, to: tier)
                guard let first = try oldest(db, source(of: tier), guest), first < end else { continue }
                let cut = min(end, aligned(first, to: tier) + max(step, tier.length * 24))
                try move(db, guest, into: tier, before: cut)
                if cut < end { isDone = false }
            }
            let end = now - all
            try db.execute(sql: "DELETE FROM hour WHERE guest = ? AND time < ?", arguments: [guest, end])
            try db.execute(sql: "DELETE FROM finding WHERE guest = ? AND closed < ?", arguments: [guest, end])
            try db.execute(sql: "DELETE FROM pin WHERE guest = ? AND ended < ?", arguments: [guest, end])
            try forget(db, guest, before: end)
        }
        return isDone
    }

    /// Drops what was open when a guest was looked at last, once nothing else is left of it.
    private static func forget(_ db: Database, _ guest: Int64, before end: Int64) throws {
        for table in ["sample"] + HistorySchema.Tier.allCases.map(\.rawValue) {
            guard try oldest(db, table, guest) == nil else { return }
        }
        try db.execute(sql: "DELETE FROM finding WHERE guest = ? AND confirmed < ?", arguments: [guest, end])
        try db.execute(sql: "DELETE FROM pin WHERE guest = ? AND began < ?", arguments: [guest, end])
    }

    /// Makes room, one step: pins that ended go first, then the oldest samples are thinned earlier than they would be, then the
    /// oldest of all go; false where nothing is left that could go.
    static func shrink(_ db: Database) throws -> Bool {
        var isSmaller = false
        try db.execute(
            sql: """
                DELETE FROM pin WHERE id IN (
                    SELECT id FROM pin WHERE ended IS NOT NULL ORDER BY id
                    LIMIT (SELECT (count(*) + 31) / 32 FROM pin WHERE ended IS NOT NULL))
                """)
        isSmaller = db.changesCount > 0
        if try shrinkSamples(db) { return true }
        try db.execute(
            sql: """
                DELETE FROM finding WHERE id IN (
                    SELECT id FROM finding WHERE closed IS NOT NULL ORDER BY id
                    LIMIT (SELECT (count(*) + 31) / 32 FROM finding WHERE closed IS NOT NULL))
                """)
        return db.changesCount > 0 || isSmaller
    }

    private static func shrinkSamples(_ db: Database) throws -> Bool {
        // Ten minutes are kept whole and a day by the minute as long as anything coarser can go.
        for (tier, kept) in [(HistorySchema.Tier.minute, Int64(600_000)), (.hour, 86_400_000)] {
            guard let (guest, first, last) = try longest(db, source(of: tier)), last - first > kept else { continue }
            let cut = aligned(first + (last - first) / 32, to: tier)
            try move(db, guest, into: tier, before: max(cut, aligned(first, to: tier) + tier.length))
            return true
        }
        for table in ["hour", "minute", "sample"] {
            guard let (guest, first, last) = try longest(db, table) else { continue }
            try db.execute(
                sql: "DELETE FROM \(table) WHERE guest = ? AND time <= ?",
                arguments: [guest, first + (last - first) / 32])
            return db.changesCount > 0
        }
        return false
    }

    /// The guest whose rows reach over the longest time.
    private static func longest(_ db: Database, _ table: String) throws -> (guest: Int64, first: Int64, last: Int64)? {
        var result: (guest: Int64, first: Int64, last: Int64)?
        for guest in try Int64.fetchAll(db, sql: "SELECT id FROM guest") {
            guard let first = try oldest(db, table, guest),
                let last = try Int64.fetchOne(
                    db, sql: "SELECT max(time) FROM \(table) WHERE guest = ?", arguments: [guest])
            else { continue }
            if let known = result, known.last - known.first >= last - first { continue }
            result = (guest, first, last)
        }
        return result
    }

    private static func oldest(_ db: Database, _ table: String, _ guest: Int64) throws -> Int64? {
        try Int64.fetchOne(db, sql: "SELECT min(time) FROM \(table) WHERE guest = ?", arguments: [guest])
    }

    private static func aligned(_ time: Int64, to tier: HistorySchema.Tier) -> Int64 { time - time % tier.length }

    private static func source(of tier: HistorySchema.Tier) -> String {
        switch tier {
        case .minute: "sample"
        case .hour: HistorySchema.Tier.minute.rawValue
        }
    }

    /// Moves a guest's rows before a moment into a coarser table.
    private static func move(_ db: Database, _ guest: Int64, into tier: HistorySchema.Tier, before cut: Int64) throws {
        try db.cachedStatement(sql: moveSQL[tier] ?? "").execute(arguments: [guest, cut])
        try db.execute(
            sql: "DELETE FROM \(source(of: tier)) WHERE guest = ? AND time < ?", arguments: [guest, cut])
    }

    private static let moveSQL: [HistorySchema.Tier: String] = {
        var result: [HistorySchema.Tier: String] = [:]
        for tier in HistorySchema.Tier.allCases {
            let isFirst = tier == .minute
            let names = HistoryMetric.all.map(\.name)
            let columns = names.flatMap { ["\"\($0).min\"", "\"\($0).max\"", "\"\($0).mean\""] }
            let values = names.flatMap { name in
                isFirst
                    ? ["min(\"\(name)\")", "max(\"\(name)\")", "avg(\"\(name)\")"]
                    : [
                        "min(\"\(name).min\")", "max(\"\(name).max\")",
                        "sum(\"\(name).mean\" * samples) / sum(CASE WHEN \"\(name).mean\" IS NULL THEN 0 ELSE samples END)",
                    ]
            }
            // A row that is there already is from looks that came late, or from a clock that was set back: both count.
            let merged = names.flatMap { name in
                ["min", "max"].map { kind in
                    let column = "\"\(name).\(kind)\""
                    return "\(column) = coalesce(\(kind)(\(column), excluded.\(column)), \(column), excluded.\(column))"
                } + [
                    """
                    "\(name).mean" = coalesce(("\(name).mean" * samples + excluded."\(name).mean" * excluded.samples)
                        / (samples + excluded.samples), "\(name).mean", excluded."\(name).mean")
                    """
                ]
            }
            result[tier] = """
                INSERT INTO \(tier.rawValue) (guest, time, samples, \(columns.joined(separator: ", ")))
                SELECT guest, time - time % \(tier.length), \(isFirst ? "count(*)" : "sum(samples)"),
                    \(values.joined(separator: ", "))
                FROM \(source(of: tier)) WHERE guest = ? AND time < ? GROUP BY 1, 2
                ON CONFLICT (guest, time) DO UPDATE SET samples = samples + excluded.samples,
                    \(merged.joined(separator: ", "))
                """
        }
        return result
    }()
}
