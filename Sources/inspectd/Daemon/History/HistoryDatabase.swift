import GRDB
import Glibc

/// Opens the file of a history; whatever is wrong with it, the file stays as it is.
enum HistoryDatabase {
    /// A history that can be written.
    struct Opened: Sendable {
        var pool: DatabasePool
        var lock: HistoryLock
        /// Tells whether the path still leads to the file that was opened.
        var identity: FileIdentity
    }

    /// What tells a file from another.
    struct FileIdentity: Sendable, Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var changed: Int64

        /// Of the file at a path; nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            changed = Int64(status.st_mtim.tv_sec)
        }

        /// Whether it is the same file, whatever is in it now.
        func isSameFile(as other: FileIdentity?) -> Bool { device == other?.device && inode == other?.inode }
    }

    /// The most bytes of the log of changes that is kept beside a database of so many bytes.
    static func logBytes(maximumBytes: Int) -> Int { min(max(maximumBytes / 8, 1 << 17), 4 << 20) }

    /// Opens or creates a history for the one program that writes it.
    ///
    /// - Parameter isThorough: Whether the file's structure is checked first, which reads all of it.
    static func open(_ path: String, maximumBytes: Int, isThorough: Bool = true) throws(HistoryError) -> Opened {
        try makeDirectory(of: path)
        let lock = try HistoryLock(path)
        do {
            if let status = FileIdentity(path), status.size > 0 {
                var configuration = standard
                configuration.readonly = true
                let queue = try DatabaseQueue(path: path, configuration: configuration)
                defer { try? queue.close() }
                try queue.read { db in try check(db, path, isThorough: isThorough) }
            }
            try create(path)
            var configuration = standard
            let pages = logBytes(maximumBytes: maximumBytes) / 2 / 4096
            configuration.maximumReaderCount = 4
            configuration.prepareDatabase { db in
                guard !db.configuration.readonly else { return }
                // Has an effect before the first table only, as it must be.
                try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
                try db.execute(sql: "PRAGMA wal_autocheckpoint = \(pages)")
                _ = try Row.fetchOne(db, sql: "PRAGMA journal_size_limit = \(pages * 2 * 4096)")
            }
            let pool = try DatabasePool(path: path, configuration: configuration)
            try HistorySchema.prepare(pool)
            guard let identity = FileIdentity(path) else {
                throw HistoryError(.failed, "the history \(path) was removed while it was opened")
            }
            return Opened(pool: pool, lock: lock, identity: identity)
        } catch {
            throw HistoryError(error, path)
        }
    }

    /// Reads a history that another program may be writing.
    static func read<Value>(_ path: String, _ body: (HistoryReader) throws -> Value) throws -> Value {
        let queue = try reader(path)
        defer { try? queue.close() }
        return try queue.read { db in try body(HistoryReader(db)) }
    }

    private static func reader(_ path: String) throws(HistoryError) -> DatabaseQueue {
        guard let status = FileIdentity(path) else {
            let problem = errno
            guard problem == ENOENT || problem == ENOTDIR else { throw HistoryError("read", path, errno: problem) }
            throw HistoryError(
                .missing,
                "there is no history at \(path); 'inspectd serve' begins one, and --database names another place")
        }
        guard status.size > 0 else {
            throw HistoryError(.missing, "the history \(path) is empty; 'inspectd serve' has not begun it yet")
        }
        do {
            var configuration = standard
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.read { db in
                try check(db, path, isThorough: false)
                guard try db.tableExists("guest") else {
                    throw HistoryError(.missing, "the history \(path) is empty; 'inspectd serve' has not begun it yet")
                }
            }
            return queue
        } catch {
            throw HistoryError(error, path)
        }
    }

    private static var standard: Configuration {
        var configuration = Configuration()
        configuration.label = "history"
        configuration.busyMode = .timeout(2)
        return configuration
    }

    /// Whether a database is a history that this version understands.
    private static func check(_ db: Database, _ path: String, isThorough: Bool) throws {
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard application == HistorySchema.applicationID || (application == 0 && tables == 0) else {
            throw HistoryError(
                .foreign,
                "\(path) is the database of another program and is left as it is; name another path for the history")
        }
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let isNewer = try HistorySchema.migrator.hasBeenSuperseded(db)
        guard version <= HistorySchema.version, !isNewer else {
            throw HistoryError(
                .newer,
                "a newer inspectd wrote the history \(path), which is left as it is; use that version, or name another path"
            )
        }
        guard isThorough, let verdict = try String.fetchOne(db, sql: "PRAGMA quick_check(1)"), verdict != "ok" else {
            return
        }
        throw HistoryError.damaged(path, verdict.split(separator: "\n").joined(separator: " "))
    }

    /// Makes a file that only its owner reads, where there is none.
    private static func create(_ path: String) throws(HistoryError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw HistoryError("opened", path, errno: errno) }
        // No lock of SQLite is on it yet that this would end.
        close(descriptor)
    }

    private static func makeDirectory(of path: String) throws(HistoryError) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        var directory = ""
        for part in path[..<slash].split(separator: "/", omittingEmptySubsequences: true) {
            directory += (directory.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
            if mkdir(directory, 0o700) != 0 {
                let problem = errno
                var status = stat()
                // A directory that is there may well be one in which nothing can be made.
                if stat(directory, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { continue }
                throw HistoryError("opened", path, errno: problem == EEXIST ? ENOTDIR : problem)
            }
        }
    }
}
