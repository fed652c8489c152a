/// How far a structure of the kernel could be read.
public enum ReadingStatus: Hashable, Sendable {
    /// All of it, without a contradiction.
    case complete
    /// Somebody holds its lock or is setting it up; what was read may be half changed.
    case midChange(String)
    /// It contradicts itself or leads out of memory: what was wrong, and how many elements were read before.
    case damaged(String, elementsRead: Int)
    /// The kernel has not set it up yet.
    case notInitialised(String)
    /// The profile, the image or the way of reading do not allow it.
    case notKnown(String)

    /// Whether what was read is all there is.
    public var isComplete: Bool { self == .complete }

    /// What stood in the way; nil for a complete reading.
    public var reason: String? {
        switch self {
        case .complete: nil
        case .midChange(let text), .damaged(let text, _), .notInitialised(let text), .notKnown(let text): text
        }
    }
}

/// What was read of a structure of the kernel, and how far to believe it.
public struct Reading<Value: Sendable>: Sendable {
    /// What was read; for damaged structures what came before the damage, nil where there was nothing.
    public var value: Value?
    /// How far it could be read.
    public var status: ReadingStatus

    /// A reading.
    public init(_ value: Value?, _ status: ReadingStatus) {
        self.value = value
        self.status = status
    }

    /// Nothing is known.
    public static func notKnown(_ reason: String) -> Reading { Reading(nil, .notKnown(reason)) }

    /// The value of a reading that is complete; nil otherwise.
    public var complete: Value? { status.isComplete ? value : nil }
}

extension Reading: Equatable where Value: Equatable {}
