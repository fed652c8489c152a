import Synchronization

/// What waits to be written: bounded, and never in the way of those who add to it.
final class HistoryQueue: Sendable {
    /// The most looks that wait.
    static let maximumLooks = 4096
    /// The most entries of any kind that wait.
    static let maximumEntries = 1 << 15

    fileprivate struct State {
        var entries: [HistoryEntry] = []
        var looks = 0
        /// Number of entries that are being written.
        var taken = 0
        /// What the database will say when all entries are written; nil while it was not read.
        var mirror: HistoryMirror?
        var droppedLooks: UInt64 = 0
        var droppedChanges: UInt64 = 0
        /// Whether the mirror says what was never written.
        var isStale = false
    }

    private let state = Mutex(State())

    /// Takes a look.
    func add(_ look: HistoryLook) {
        state.withLock { state in
            let alone = HistoryEntry.look(guest: look.guest, time: look.time, values: look.values)
            let entries = state.mirror?.add(look) ?? [alone]
            state.append(entries)
        }
    }

    /// Takes findings that were made sure of or are gone; before the database was read, the next look tells of them.
    func add(opened: [HistoryFinding], closed: [HistoryFinding], guest: String) {
        state.withLock { state in
            let entries = state.mirror?.add(opened: opened, closed: closed, guest: guest) ?? []
            state.append(entries)
        }
    }

    /// Takes pins that ended.
    func add(ended: [HistoryPin], guest: String) {
        state.withLock { state in
            let entries = state.mirror?.add(ended: ended, guest: guest) ?? []
            state.append(entries)
        }
    }

    /// Whether the database must be read again: for the first time, or since something was lost.
    var needsMirror: Bool { state.withLock { $0.mirror == nil || $0.isStale } }

    /// Takes over what the database says, unless there is something that it does not say yet.
    func load(_ mirror: HistoryMirror) -> Bool {
        state.withLock { state in
            guard state.mirror == nil || state.entries.isEmpty else { return false }
            state.mirror = mirror
            state.isStale = false
            return true
        }
    }

    /// Forgets what a database said that is no more.
    func forgetMirror() {
        state.withLock { state in
            state.mirror = nil
            state.entries.removeAll { !$0.isLook }
        }
    }

    /// The oldest entries.
    func take(_ count: Int) -> [HistoryEntry] {
        state.withLock { state in
            let first = Array(state.entries.prefix(count))
            state.entries.removeFirst(first.count)
            state.looks -= first.count(where: \.isLook)
            state.taken = first.count
            return first
        }
    }

    /// What was taken is written.
    func confirm() { state.withLock { $0.taken = 0 } }

    /// Gives back what could not be written; what has no room is lost.
    func putBack(_ entries: [HistoryEntry]) {
        state.withLock { state in
            let later = state.entries
            (state.entries, state.looks, state.taken) = ([], 0, 0)
            state.append(entries)
            state.append(later)
        }
    }

    /// Number of entries that are not written yet.
    var count: Int { state.withLock { $0.entries.count + $0.taken } }

    /// How much was lost since the last call.
    func takeDropped() -> (looks: UInt64, changes: UInt64) {
        state.withLock { state in
            defer { (state.droppedLooks, state.droppedChanges) = (0, 0) }
            return (state.droppedLooks, state.droppedChanges)
        }
    }
}

extension HistoryQueue.State {
    mutating func append(_ new: [HistoryEntry]) {
        for entry in new {
            if entry.isLook {
                guard looks < HistoryQueue.maximumLooks, entries.count < HistoryQueue.maximumEntries else {
                    droppedLooks += 1
                    continue
                }
                looks += 1
            } else if entries.count >= HistoryQueue.maximumEntries {
                droppedChanges += 1
                isStale = true
                continue
            }
            entries.append(entry)
        }
    }
}
