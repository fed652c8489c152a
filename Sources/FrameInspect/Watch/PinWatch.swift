public import GuestMemory

/// Follows pins over many looks at a guest: how long each one lives.
public struct PinWatch: Sendable {
    /// A pin's life: one block in one generation.
    public struct Life: Hashable, Sendable {
        /// The block's first frame.
        public var head: FrameNumber
        /// The block's order.
        public var order: Int
        /// How often the head had been claimed; nil where the kernel does not count that.
        public var generation: UInt64?
        /// Pins at the last look.
        public var pins: UInt64
        /// Whether no capability held the block at the last look.
        public var isOrphaned: Bool
        /// When it was seen first, in seconds since 1970.
        public var firstSeen: Double
        /// When it was seen last.
        public var lastSeen: Double

        /// How long it was seen, in seconds.
        public var age: Double { lastSeen - firstSeen }
    }

    /// What a look changed.
    public struct Changes: Sendable {
        /// Pins that were not there before.
        public var began: [Life] = []
        /// Pins that are gone.
        public var ended: [Life] = []
    }

    private struct Key: Hashable {
        var head: UInt64
        var order: Int
        var generation: UInt64?
    }

    /// Upper ends of the age buckets in seconds; older ones are in one more.
    public static let buckets: [Double] = [0.1, 1, 10, 60, 600]

    private var lives: [Key: Life] = [:]

    /// A watch that knows nothing yet.
    public init() {}

    /// The pins of the last look, the oldest first.
    public var current: [Life] {
        lives.values.sorted { ($0.firstSeen, $0.head.rawValue) < ($1.firstSeen, $1.head.rawValue) }
    }

    /// Number of pins by age, one more number than there are buckets.
    public var ages: [Int] {
        var counts = [Int](repeating: 0, count: PinWatch.buckets.count + 1)
        for life in lives.values {
            counts[PinWatch.buckets.firstIndex { life.age <= $0 } ?? PinWatch.buckets.count] += 1
        }
        return counts
    }

    /// Takes a look's pins; one that could not see them changes nothing.
    public mutating func add(_ observation: Observation) -> Changes {
        let reading = observation.pins()
        guard reading.status.isComplete else { return Changes() }
        return add(reading.pins, at: observation.provenance.time)
    }

    mutating func add(_ pins: [PinnedBlock], at time: Double) -> Changes {
        var changes = Changes()
        var next: [Key: Life] = [:]
        for pin in pins {
            let key = Key(head: pin.entry.head.rawValue, order: pin.entry.order, generation: pin.generation)
            var life =
                lives[key]
                ?? Life(
                    head: pin.entry.head, order: pin.entry.order, generation: pin.generation,
                    pins: pin.entry.transientRefs, isOrphaned: pin.isOrphaned, firstSeen: time, lastSeen: time)
            if lives[key] == nil { changes.began.append(life) }
            (life.pins, life.isOrphaned, life.lastSeen) = (pin.entry.transientRefs, pin.isOrphaned, time)
            next[key] = life
        }
        for (key, life) in lives where next[key] == nil { changes.ended.append(life) }
        lives = next
        return changes
    }

    /// Forgets everything, since the guest is another one now; what was there has ended.
    public mutating func restart() -> Changes {
        defer { lives = [:] }
        return Changes(ended: Array(lives.values))
    }
}
