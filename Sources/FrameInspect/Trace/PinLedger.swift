internal import GuestMemory

/// Pairs pins with their ends.
///
/// An unpin ends the latest pin of its block: pins around an operation are nested, and one that leaked lies below them.
struct PinLedger: Sendable {
    /// A pin that is there.
    private struct Pin: Sendable {
        var number: Int
        var time: Double
        var way: [UInt64]
    }

    /// What is known of one way to a pin.
    private struct Way: Sendable {
        var backtrace: Backtrace
        var pins = 0
    }

    /// Pins that are remembered at once, and ways that are told apart.
    private static let pinLimit = 1 << 20
    private static let wayLimit = 1 << 14
    /// Blocks that are listed for one way.
    private static let frameLimit = 64

    private var pins: [FrameNumber: [Pin]] = [:]
    private var ways: [[UInt64]: Way] = [:]
    private var kept = 0
    private(set) var count = 0
    /// How many pins were set.
    private(set) var pinCount = 0
    /// How many were dropped.
    private(set) var unpinCount = 0
    /// How many of those are from before the trace.
    private(set) var earlierCount = 0
    /// Pins that could not be remembered.
    private(set) var omitted = 0

    /// A pin was set.
    mutating func pin(_ frame: FrameNumber, _ context: TraceContext) -> PinEvent {
        count += 1
        pinCount += 1
        var key = context.backtrace.key
        if ways[key] == nil, ways.count >= PinLedger.wayLimit { key = [] }
        ways[key, default: Way(backtrace: key.isEmpty ? .none : context.backtrace)].pins += 1
        if kept < PinLedger.pinLimit {
            kept += 1
            pins[frame, default: []].append(Pin(number: count, time: context.time, way: key))
        } else {
            omitted += 1
        }
        return PinEvent(number: count, kind: .pin, frame: frame, pinNumber: nil, age: nil, context: context)
    }

    /// A pin was dropped.
    mutating func unpin(_ frame: FrameNumber, _ context: TraceContext) -> PinEvent {
        count += 1
        unpinCount += 1
        let ended = pins[frame]?.popLast()
        if pins[frame]?.isEmpty == true { pins[frame] = nil }
        if ended == nil { earlierCount += 1 } else { kept -= 1 }
        return PinEvent(
            number: count, kind: .unpin, frame: frame, pinNumber: ended?.number,
            age: ended.map { context.time - $0.time }, context: context)
    }

    /// The pins that are still there by the way that they came, the oldest first.
    func outstanding(at time: Double) -> [OutstandingPins] {
        var groups: [[UInt64]: [(frame: FrameNumber, time: Double)]] = [:]
        for (frame, open) in pins { for pin in open { groups[pin.way, default: []].append((frame, pin.time)) } }
        return groups.compactMap { key, open -> OutstandingPins? in
            let sorted = open.sorted { ($0.time, $0.frame.rawValue) < ($1.time, $1.frame.rawValue) }
            guard let way = ways[key], let first = sorted.first else { return nil }
            return OutstandingPins(
                outstanding: sorted.count, pins: way.pins, frames: sorted.prefix(PinLedger.frameLimit).map(\.frame),
                oldest: max(0, time - first.time), backtrace: way.backtrace)
        }.sorted { ($1.oldest, $0.backtrace.key.count) < ($0.oldest, $1.backtrace.key.count) }
    }
}
