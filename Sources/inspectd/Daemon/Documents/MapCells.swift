import FrameInspect
import Foundation
import GuestMemory

/// The frames of a sample as cells for drawing: one byte for each.
struct MapCells {
    /// What a cell's byte says.
    enum Key: String, Sendable, CaseIterable {
        /// Index into the kinds of states: a loud one that occurs, otherwise the most frequent.
        case state
        /// The most frequent order.
        case order
        /// The highest number of references, at most 254; 0 for none.
        case refcount
        /// How often frames were claimed, as eighths of the binary logarithm of the highest number.
        case generation
        /// 0 for none, 1 for a pinned block, 2 for one that no capability holds.
        case pins
        /// 0 for none, then note, warning and error.
        case findings
    }

    /// The most cells of one answer.
    static let maximumCells = 1 << 16
    /// No frame, or nothing to tell.
    private static let none: UInt8 = 255

    private let sample: GuestSample
    private let key: Key
    private let first: UInt64
    private let count: UInt64
    private let level: UInt64

    /// Cells of `1 << level` frames from `first` on.
    init(_ sample: GuestSample, by key: Key, first: UInt64, count: UInt64, level: UInt64) {
        self.sample = sample
        self.key = key
        self.first = first
        self.count = count
        self.level = level
    }

    private var slots: SlotView { sample.observation.slots }
    private var cellCount: Int { Int((count &+ (1 << level) &- 1) >> level) }

    /// The document.
    var json: JSONValue {
        let bytes = cells()
        return .object([
            ("first", .number(first)), ("frames", .number(count)), ("level", .number(level)),
            ("cells", .number(UInt64(bytes.count))), ("by", .string(key.rawValue)),
            ("sample", .number(UInt64(sample.number))), ("kinds", .array(kinds)),
            ("data", .string(Data(bytes).base64EncodedString())),
        ])
    }

    private var kinds: [JSONValue] {
        guard key == .state else { return [] }
        return FrameState.allCases.map { state in
            .object([
                ("name", .string(state.name)), ("text", .string(state.text)),
                ("colour", .string(state.colour.hexadecimal)),
            ])
        }
    }

    private func cells() -> [UInt8] {
        switch key {
        case .state: stateCells()
        case .order: fieldCells { slot in slot.order }
        case .refcount: fieldCells { slot in UInt8(min(slot.references ?? 0, 254)) }
        case .generation:
            fieldCells { slot in
                guard let generation = slot.generation, generation > 0 else { return 0 }
                return UInt8(min(254, 1 + 8 * UInt64(63 - generation.leadingZeroBitCount)))
            }
        case .pins:
            rangeCells(
                sample.pins.map {
                    (FrameRange($0.head, count: 1 &<< UInt64(min(max($0.order, 0), 40))), $0.isOrphaned ? 2 : 1)
                })
        case .findings:
            rangeCells(
                sample.findings.flatMap { watched in
                    let value: UInt8 =
                        switch watched.finding.severity {
                        case .note: 1
                        case .warning: 2
                        case .error: 3
                        }
                    return watched.finding.frames.map { ($0, value) }
                })
        }
    }

    /// The states of runs of frames, counted cell by cell.
    private func stateCells() -> [UInt8] {
        let states = FrameState.allCases
        let loud = Set<FrameState>([.poisoned, .quarantined, .inconsistent, .releasing, .freeLost])
        var counts = [UInt32](repeating: 0, count: cellCount * states.count)
        var previous: StateRuns.Run?
        for run in sample.runs {
            // Seen from afar, the pages of a block are what its first frame is, and that one lies before them.
            let head = previous.flatMap { $0.start &+ $0.count == run.start ? $0.state : nil }
            let state = run.state == .blockPage && level > 0 ? head ?? run.state : run.state
            previous = run
            guard let kind = states.firstIndex(of: state) else { continue }
            var position = max(run.start, first)
            let end = min(run.start &+ run.count, first &+ count)
            while position < end {
                let cell = (position &- first) >> level
                let part = min(end, first &+ ((cell &+ 1) << level)) &- position
                counts[Int(cell) * states.count + kind] &+= UInt32(truncatingIfNeeded: part)
                position &+= part
            }
        }
        return (0..<cellCount).map { cell in
            var best: (kind: Int, count: UInt32, isLoud: Bool)?
            for kind in states.indices {
                let count = counts[cell * states.count + kind]
                guard count > 0 else { continue }
                let isLoud = loud.contains(states[kind])
                if best.map({ isLoud == $0.isLoud ? count > $0.count : isLoud }) ?? true {
                    best = (kind, count, isLoud)
                }
            }
            return best.map { UInt8($0.kind) } ?? Self.none
        }
    }

    /// The highest value of the slots of each cell.
    private func fieldCells(_ value: (MetaSlot) -> UInt8) -> [UInt8] {
        var result = [UInt8](repeating: Self.none, count: cellCount)
        var isSet = [Bool](repeating: false, count: cellCount)
        for frame in first..<(first &+ count) {
            guard let slot = slots[FrameNumber(frame)], slot.flags != 0 else { continue }
            let cell = Int((frame &- first) >> level)
            let number = min(value(slot), 254)
            if !isSet[cell] || number > result[cell] { result[cell] = number }
            isSet[cell] = true
        }
        return result
    }

    /// The worst of the ranges that touch each cell.
    private func rangeCells(_ ranges: [(FrameRange, UInt8)]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: cellCount)
        for (range, value) in ranges {
            let start = max(range.first.rawValue, first)
            let end = min(range.first.rawValue &+ range.count, first &+ count)
            guard start < end else { continue }
            for cell in Int((start &- first) >> level)...Int((end &- 1 &- first) >> level) {
                result[cell] = max(result[cell], value)
            }
        }
        return result
    }
}
