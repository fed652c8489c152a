/// One thing to be written.
enum HistoryEntry: Sendable {
    /// The values of a look.
    case look(guest: String, time: Int64, values: [Double?])
    /// A finding was made sure of.
    case opened(guest: String, HistoryFinding)
    /// A finding is gone; the record is what was known of it last, where that is known.
    case closed(guest: String, fingerprint: String, time: Int64, HistoryFinding?)
    /// A pin was seen twice.
    case pinned(guest: String, HistoryPin)
    /// A pin is another one in some way.
    case repinned(guest: String, HistoryPin)
    /// A pin is gone; when it was seen last.
    case unpinned(guest: String, HistoryPin.Key, time: Int64)

    /// Whether it is one of many that follow each other, and none of them is missed much.
    var isLook: Bool { if case .look = self { true } else { false } }
}
