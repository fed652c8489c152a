/// A word that says whether the value beside it can be believed: the state of a once-cell, a lock, the tag of an option.
public struct CellGuard: Hashable, Sendable, Codable {
    /// What another value means.
    public enum Kind: String, Hashable, Sendable, Codable {
        /// The value is not there yet.
        case once
        /// Somebody holds the lock and may be changing the value.
        case lock
        /// There is no value.
        case option
    }

    /// What another value means.
    public var kind: Kind
    /// Name of the type, for messages.
    public var type: String
    /// Where the word is, from the anchor on.
    public var field: AllocatorLayout.Field
    /// The only value that lets the content be believed; nil: all but those refused.
    public var accepted: UInt64?
    /// Values that stand for something else.
    public var refused: [UInt64]

    /// Whether the content can be believed.
    public func accepts(_ value: UInt64) -> Bool {
        if let accepted { return value == accepted }
        return !refused.contains(value)
    }
}
