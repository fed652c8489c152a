import GRDB

/// What is done to the database.
enum HistoryStore {
    /// Writes entries in their order.
    static func write(_ entries: [HistoryEntry], to db: Database) throws {
        var guests: [String: Int64] = [:]
        func identifier(_ name: String) throws -> Int64 {
            if let known = guests[name] { return known }
            try db.execute(sql: "INSERT INTO guest (name) VALUES (?) ON CONFLICT (name) DO NOTHING", arguments: [name])
            let id = try Int64.fetchOne(db, sql: "SELECT id FROM guest WHERE name = ?", arguments: [name]) ?? 0
            guests[name] = id
            return id
        }
        let insert = try db.cachedStatement(sql: lookSQL)
        for entry in entries {
            switch entry {
            case .look(let guest, let time, let values):
                var arguments = [try identifier(guest).databaseValue, time.databaseValue]
                arguments += HistoryMetric.all.indices.map { index in
                    index < values.count ? databaseValue(values[index]) : .null
                }
                try insert.execute(arguments: StatementArguments(arguments))
            case .opened(let guest, let finding): try open(finding, try identifier(guest), db)
            case .closed(let guest, let fingerprint, let time, let finding):
                try close(fingerprint, time, finding, try identifier(guest), db)
            case .pinned(let guest, let pin):
                try db.execute(
                    sql: """
                        INSERT INTO pin (guest, frame, "order", generation, pins, orphaned, began) VALUES (?,?,?,?,?,?,?)
                        ON CONFLICT DO NOTHING
                        """,
                    arguments: [
                        try identifier(guest), signed(pin.key.frame), pin.key.order, pin.key.generation.map(signed),
                        signed(pin.pins), pin.isOrphaned, pin.began,
                    ])
            case .repinned(let guest, let pin):
                try db.execute(
                    sql: "UPDATE pin SET pins = ?, orphaned = ?" + openPin,
                    arguments: [signed(pin.pins), pin.isOrphaned] + arguments(pin.key, try identifier(guest)))
            case .unpinned(let guest, let key, let time):
                try db.execute(
                    sql: "UPDATE pin SET ended = max(began, ?)" + openPin,
                    arguments: [time] + arguments(key, try identifier(guest)))
            }
        }
    }

    private static let lookSQL: String = {
        let names = HistoryMetric.all.map { "\"\($0.name)\"" }.joined(separator: ", ")
        let marks = String(repeating: ", ?", count: HistoryMetric.all.count)
        return "INSERT OR REPLACE INTO sample (guest, time, \(names)) VALUES (?, ?\(marks))"
    }()

    private static let openPin =
        " WHERE guest = ? AND frame = ? AND \"order\" = ? AND coalesce(generation, -1) = ? AND ended IS NULL"

    private static func arguments(_ key: HistoryPin.Key, _ guest: Int64) -> StatementArguments {
        [guest, signed(key.frame), key.order, key.generation.map(signed) ?? -1]
    }

    /// The same bits: SQLite has no numbers without a sign.
    static func signed(_ value: UInt64) -> Int64 { Int64(bitPattern: value) }

    /// Whole numbers take less room than others.
    private static func databaseValue(_ value: Double?) -> DatabaseValue {
        guard let value, value.isFinite else { return .null }
        guard value == value.rounded(), abs(value) < 9e15 else { return value.databaseValue }
        return Int64(value).databaseValue
    }

    private static func open(_ finding: HistoryFinding, _ guest: Int64, _ db: Database) throws {
        // One that is open already goes on: it is the same one, seen by a daemon that began anew.
        try db.execute(
            sql: """
                INSERT INTO finding
                    (guest, fingerprint, rule, severity, subject, message, opened, confirmed, frames, document)
                VALUES (?,?,?,?,?,?,?,?,?,?)
                ON CONFLICT DO NOTHING
                """,
            arguments: [
                guest, finding.fingerprint, finding.rule, finding.severity, finding.subject, finding.message,
                finding.opened, finding.confirmed, finding.frames, finding.document,
            ])
    }

    private static func close(
        _ fingerprint: String, _ time: Int64, _ finding: HistoryFinding?, _ guest: Int64, _ db: Database
    ) throws {
        try db.execute(
            sql: """
                UPDATE finding SET closed = max(?, confirmed), message = coalesce(?, message),
                    frames = coalesce(?, frames), document = coalesce(?, document)
                WHERE guest = ? AND fingerprint = ? AND closed IS NULL
                """,
            arguments: [time, finding?.message, finding?.frames, finding?.document, guest, fingerprint])
    }

    /// Bytes of the database, and those that are in use.
    static func size(_ db: Database) throws -> (total: Int, used: Int) {
        let page = try Int.fetchOne(db, sql: "PRAGMA page_size") ?? 4096
        let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
        let free = try Int.fetchOne(db, sql: "PRAGMA freelist_count") ?? 0
        return (pages * page, (pages - free) * page)
    }
}

extension HistoryMirror {
    /// What the database says.
    init(_ db: Database) throws {
        self.init()
        let names = try Row.fetchAll(db, sql: "SELECT id, name FROM guest")
        for row in names {
            let (id, name): (Int64, String) = (row["id"], row["name"])
            var guest = Guest()
            guest.lastPinLook = try Int64.fetchOne(
                db, sql: "SELECT max(time) FROM sample WHERE guest = ?", arguments: [id])
            for row in try Row.fetchAll(
                db, sql: "SELECT fingerprint, rule, confirmed FROM finding WHERE guest = ? AND closed IS NULL",
                arguments: [id])
            {
                guest.findings[row["fingerprint"]] = OpenFinding(rule: row["rule"], confirmed: row["confirmed"])
            }
            for row in try Row.fetchAll(
                db,
                sql: """
                    SELECT frame, "order", generation, pins, orphaned, began FROM pin WHERE guest = ? AND ended IS NULL
                    """,
                arguments: [id])
            {
                let pin = HistoryReader.pin(row)
                guest.pins[pin.key] = OpenPin(pins: pin.pins, isOrphaned: pin.isOrphaned, began: pin.began)
            }
            guests[name] = guest
        }
    }
}
