import FrameInspect
import GuestMemory

/// A pin's life as the history keeps it.
struct HistoryPin: Sendable, Equatable {
    /// What tells it from other pins.
    struct Key: Hashable, Sendable {
        /// Number of the block's first frame.
        var frame: UInt64
        /// The block's order.
        var order: Int
        /// How often the frame had been claimed; nil where the kernel does not count that.
        var generation: UInt64?
    }

    var key: Key
    /// Pins when it was looked at last.
    var pins: UInt64
    /// Whether no capability held the block then.
    var isOrphaned: Bool
    /// When it was seen first, in milliseconds since 1970.
    var began: Int64
    /// When it was seen last.
    var lastSeen: Int64
}

extension HistoryPin {
    /// What is kept of a pin that a watch follows.
    init(_ life: PinWatch.Life) {
        self.init(
            key: Key(frame: life.head.rawValue, order: life.order, generation: life.generation), pins: life.pins,
            isOrphaned: life.isOrphaned, began: HistoryTime.milliseconds(life.firstSeen),
            lastSeen: HistoryTime.milliseconds(life.lastSeen))
    }
}
