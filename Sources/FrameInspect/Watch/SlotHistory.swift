public import GuestMemory

/// Remembers, look by look, which slots changed: enough to tell what happened to any frame and when.
///
/// Bounded in bytes; the oldest look is dropped first.
public struct SlotHistory: Sendable {
    private struct Look: Sendable {
        var number: Int
        var after: Double
        var before: Double
        var delta: SlotDelta
        var pins: [(head: UInt64, order: Int, kind: FrameEvent.Kind, text: String)]

        /// Bytes that it costs.
        var size: Int { delta.bytes.count + pins.count * 96 + 96 }
    }

    /// The most bytes that are kept.
    public let limit: Int
    /// Bytes that are kept.
    public private(set) var byteCount = 0
    /// Looks that are kept.
    public var lookCount: Int { looks.count }
    /// Bytes of the last look.
    public var lastLookBytes: Int { looks.last?.size ?? 0 }
    private var looks: [Look] = []
    private var last: SlotView?
    private var start: Double?
    private var until = 0.0
    private var number = 0
    private var hasDropped = false

    /// An empty record.
    public init(limit: Int = 64 << 20) { self.limit = max(limit, 1 << 16) }

    /// Takes a look, with what it changed in the pins.
    public mutating func add(_ observation: Observation, _ pins: PinWatch.Changes) {
        add(observation.slots, at: observation.provenance.time, pins)
    }

    mutating func add(_ slots: SlotView, at time: Double, _ pins: PinWatch.Changes) {
        number += 1
        defer {
            last = slots
            until = time
        }
        guard let last, last.slots == slots.slots else {
            // The first look, or a table of another size: nothing is known of before.
            looks = []
            byteCount = 0
            start = time
            return
        }
        let delta = SlotDelta(from: last, to: slots, limit: limit / 2)
        if delta.isTruncated {
            looks = []
            byteCount = 0
            start = time
            hasDropped = true
            return
        }
        let changes =
            pins.began.map { ($0.head.rawValue, $0.order, FrameEvent.Kind.pinned, SlotHistory.text($0)) }
            + pins.ended.map { ($0.head.rawValue, $0.order, FrameEvent.Kind.unpinned, "its pins ended") }
        let look = Look(number: number, after: until, before: time, delta: delta, pins: changes)
        looks.append(look)
        byteCount += look.size
        var dropped = 0
        while byteCount > limit, dropped < looks.count - 1 {
            byteCount -= looks[dropped].size
            start = looks[dropped].before
            dropped += 1
        }
        if dropped > 0 {
            looks.removeFirst(dropped)
            hasDropped = true
        }
    }

    private static func text(_ life: PinWatch.Life) -> String {
        let count = life.pins == 1 ? "1 pin" : "\(life.pins) pins"
        return life.isOrphaned ? "\(count) began, and no capability holds the block" : "\(count) began"
    }

    /// Forgets everything, since the guest is another one now.
    public mutating func restart() {
        let (limit, number) = (limit, number)
        self = SlotHistory(limit: limit)
        self.number = number
        hasDropped = true
    }

    /// What happened to a frame; nil where the table has no slot for it or nothing was looked at yet.
    public func biography(of frame: FrameNumber) -> FrameBiography? {
        guard let last, let start, let row = last.row(of: frame),
            var slot = last.withSlot(
                of: frame.rawValue, { [UInt8](UnsafeRawBufferPointer(start: $0, count: last.layout.stride)) })
        else { return nil }
        var events: [FrameEvent] = []
        for look in looks.reversed() {
            var found: [FrameEvent] = []
            func note(_ kind: FrameEvent.Kind, _ text: String, _ generation: UInt64?) {
                found.append(
                    FrameEvent(
                        kind: kind, text: text, after: look.after, before: look.before, generation: generation,
                        look: look.number))
            }
            guard let new = last.layout.decode(slot) else { break }
            let isChanged = look.delta.undo(row: row, in: &slot)
            guard let old = isChanged ? last.layout.decode(slot) : new else { break }
            if isChanged {
                SlotChange(from: old, to: new, layout: last.layout).forEachEvent { note($0, $1, new.generation) }
            }
            for pin in look.pins {
                let length = UInt64(1) << UInt64(min(max(pin.order, 0), 40))
                guard frame.rawValue >= pin.head, frame.rawValue &- pin.head < length else { continue }
                // A pin that began did so in the new life, one that ended in the old.
                note(pin.kind, pin.text, pin.kind == .unpinned ? old.generation : new.generation)
            }
            events += found.sorted { SlotHistory.rank($0.kind) < SlotHistory.rank($1.kind) }.reversed()
        }
        return FrameBiography(
            frame: frame, since: start, until: until, looks: looks.count, events: events.reversed(),
            isComplete: !hasDropped)
    }

    /// The order in which things happen between two looks: what ends a life comes before what begins the next.
    private static func rank(_ kind: FrameEvent.Kind) -> Int {
        switch kind {
        case .unpinned: 0
        case .unshared: 1
        case .hookRemoved: 2
        case .freed: 3
        case .allocated: 4
        case .claimed: 5
        case .hookInstalled: 6
        case .shared: 7
        case .pinned: 8
        case .poisoned: 9
        case .changed: 10
        }
    }
}
