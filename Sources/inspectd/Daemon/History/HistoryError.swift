import GRDB
import Glibc

/// Why there is no history.
struct HistoryError: Error, Sendable, CustomStringConvertible {
    /// What is wrong.
    enum Code: Sendable {
        /// No room on the disk.
        case full
        /// The file is damaged or no database.
        case damaged
        /// A later version wrote it.
        case newer
        /// The database of another program.
        case foreign
        /// Somebody else writes it.
        case inUse
        /// The system does not allow it.
        case refused
        /// There is no such file.
        case missing
        /// Anything else.
        case failed
    }

    /// What is wrong.
    var code: Code
    /// One sentence: what happened, where, what to do next.
    var description: String

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// What a failure of the system means for the file at a path.
    init(_ verb: String, _ path: String, errno problem: Int32) {
        let reason = String(cString: strerror(problem))
        switch problem {
        case ENOSPC, EDQUOT: self = .full(path)
        default:
            self.init(
                .refused,
                "the history \(path) cannot be \(verb): \(reason); give this user the right to it, or name another path"
            )
        }
    }

    /// What an error of the database means for the file at a path.
    init(_ error: any Error, _ path: String) {
        if let error = error as? HistoryError {
            self = error
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.failed, "the history \(path) cannot be used: \(error)")
            return
        }
        let reason = error.message ?? "error \(error.extendedResultCode.rawValue) of SQLite"
        switch error.resultCode {
        case .SQLITE_FULL: self = .full(path)
        case .SQLITE_IOERR where HistoryError.hasNoRoom(path): self = .full(path)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged(path, reason)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.inUse, "another program keeps the history \(path) locked; end it")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH, .SQLITE_CANTOPEN:
            self.init(
                .refused,
                "the history \(path) cannot be opened (\(reason)); give this user the right to it, or name another path"
            )
        default: self.init(.failed, "the history \(path) cannot be used: \(reason)")
        }
    }

    /// No room.
    static func full(_ path: String) -> HistoryError {
        HistoryError(.full, "the history \(path) cannot be written: its disk is full; make room there")
    }

    /// Damaged.
    static func damaged(_ path: String, _ reason: String) -> HistoryError {
        HistoryError(
            .damaged,
            "the history \(path) is damaged (\(reason)) and is left as it is; move it away, and a new one is begun")
    }

    /// Whether nothing more fits on the disk of a path.
    private static func hasNoRoom(_ path: String) -> Bool {
        var room = statvfs()
        return statvfs(path, &room) == 0 && room.f_bavail < 16
    }
}
