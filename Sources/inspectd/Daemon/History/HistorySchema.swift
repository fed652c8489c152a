import GRDB

/// The tables of the history.
///
/// `sample` has a row for each look, `minute` and `hour` a row for what was thinned: the smallest, the largest and the mean value of
/// each metric and the number of looks behind them. Each metric is a column, so that a row takes few bytes and other programs can read
/// it. Times are milliseconds since 1970.
enum HistorySchema {
    /// What marks a database as a history of this program.
    static let applicationID: Int32 = 0x6669_6873
    /// The version that this program writes, in the database's `user_version`.
    static let version = 1

    /// The tables with thinned values.
    enum Tier: String, Sendable, CaseIterable {
        case minute, hour

        /// Milliseconds that a row stands for.
        var length: Int64 {
            switch self {
            case .minute: 60_000
            case .hour: 3_600_000
            }
        }
    }

    /// What has to happen to a database of any earlier version.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE guest (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
                    CREATE TABLE sample (
                        guest INTEGER NOT NULL REFERENCES guest(id), time INTEGER NOT NULL, PRIMARY KEY (guest, time)
                    ) WITHOUT ROWID;
                    CREATE TABLE minute (
                        guest INTEGER NOT NULL REFERENCES guest(id), time INTEGER NOT NULL, samples INTEGER NOT NULL,
                        PRIMARY KEY (guest, time)
                    ) WITHOUT ROWID;
                    CREATE TABLE hour (
                        guest INTEGER NOT NULL REFERENCES guest(id), time INTEGER NOT NULL, samples INTEGER NOT NULL,
                        PRIMARY KEY (guest, time)
                    ) WITHOUT ROWID;
                    CREATE TABLE finding (
                        id INTEGER PRIMARY KEY, guest INTEGER NOT NULL REFERENCES guest(id), fingerprint TEXT NOT NULL,
                        rule TEXT NOT NULL, severity TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL,
                        opened INTEGER NOT NULL, confirmed INTEGER NOT NULL, closed INTEGER,
                        frames TEXT NOT NULL CHECK (json_valid(frames)),
                        document TEXT NOT NULL CHECK (json_valid(document))
                    );
                    CREATE UNIQUE INDEX finding_open ON finding (guest, fingerprint) WHERE closed IS NULL;
                    CREATE INDEX finding_closed ON finding (guest, closed) WHERE closed IS NOT NULL;
                    CREATE TABLE pin (
                        id INTEGER PRIMARY KEY, guest INTEGER NOT NULL REFERENCES guest(id), frame INTEGER NOT NULL,
                        "order" INTEGER NOT NULL, generation INTEGER, pins INTEGER NOT NULL, orphaned INTEGER NOT NULL,
                        began INTEGER NOT NULL, ended INTEGER
                    );
                    CREATE UNIQUE INDEX pin_open ON pin (guest, frame, "order", coalesce(generation, -1)) WHERE ended IS NULL;
                    CREATE INDEX pin_ended ON pin (guest, ended) WHERE ended IS NOT NULL;
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(version);
                    """)
        }
        return migrator
    }

    /// Brings a database to this version; a metric that it does not know yet gets its columns.
    static func prepare(_ writer: some DatabaseWriter) throws {
        try migrator.migrate(writer)
        try writer.write { db in
            for (table, names) in [("sample", HistoryMetric.all.map(\.name))] + thinned {
                let known = Set(try db.columns(in: table).map(\.name))
                for name in names where !known.contains(name) {
                    let type = name.hasSuffix(".mean") ? " REAL" : ""
                    try db.execute(sql: "ALTER TABLE \(table) ADD COLUMN \"\(name)\"\(type)")
                }
            }
        }
    }

    private static var thinned: [(String, [String])] {
        Tier.allCases.map {
            ($0.rawValue, HistoryMetric.all.flatMap { ["\($0.name).min", "\($0.name).max", "\($0.name).mean"] })
        }
    }
}
