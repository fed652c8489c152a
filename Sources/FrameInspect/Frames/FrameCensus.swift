internal import GuestMemory

/// Counts the slots of a table by kind and zone while they are read; what ``FrameSummary`` is made of.
public struct FrameCensus: Sendable {
    fileprivate let layout: FrameLayout
    private let books: FreeFrameSets
    fileprivate let zones: ZoneMap
    fileprivate var slots: SlotKinds
    /// Slots by zone and kind; the last row is for frames without a zone.
    fileprivate var counts: [[UInt64]]
    /// Unlinked free frames that the books know, by zone: on a list, in a cache.
    fileprivate var listed: [UInt64]
    fileprivate var cached: [UInt64]

    /// An empty count; `books` tell unlinked free frames apart where they are known.
    public init(layout: FrameLayout, zones: ZoneMap = .empty, books: FreeFrameSets = FreeFrameSets()) {
        self.layout = layout
        self.zones = zones
        self.books = books
        slots = SlotKinds(layout: layout)
        counts = Array(repeating: [], count: zones.names.count + 1)
        listed = Array(repeating: 0, count: zones.names.count + 1)
        cached = listed
    }

    /// Counts the slots of a batch.
    public mutating func add(_ batch: SlotBatch) {
        let first = layout.frame(at: batch.firstIndex).rawValue
        zones.forEachPiece(of: first..<(first &+ UInt64(batch.count))) { zone, frames in
            let skipped = Int(frames.lowerBound &- first)
            let piece = SlotBatch(
                firstIndex: batch.firstIndex &+ UInt64(skipped), count: Int(frames.upperBound &- frames.lowerBound),
                base: batch.base + skipped * layout.stride)
            add(piece, row: zone ?? zones.names.count)
        }
    }

    private mutating func add(_ batch: SlotBatch, row: Int) {
        var counts: [UInt64] = []
        swap(&counts, &self.counts[row])
        var listed: UInt64 = 0
        var cached: UInt64 = 0
        let books = books
        slots.forEachRun(in: batch) { kind, state, frame, count in
            if kind >= counts.count { counts.append(contentsOf: repeatElement(0, count: kind + 1 - counts.count)) }
            counts[kind] &+= count
            if state == .freeUnlinked {
                for number in frame..<(frame &+ count) {
                    if books.cached.contains(number) {
                        cached &+= 1
                    } else if books.listHeads.contains(number) {
                        listed &+= 1
                    }
                }
            }
        }
        self.listed[row] &+= listed
        self.cached[row] &+= cached
        swap(&counts, &self.counts[row])
    }

    /// What was counted.
    public var summary: FrameSummary { FrameSummary([self]) }
}

extension FrameSummary {
    /// What several counts of parts of one table found together.
    init(_ censuses: [FrameCensus]) {
        var flags: [UInt64?: UInt64] = [:]
        var contradictions: [Contradiction: UInt64] = [:]
        var orders: [UInt8: UInt64] = [:]
        var references: [References: UInt64] = [:]
        var withVtable: UInt64 = 0
        var states: [FrameState: UInt64] = [:]
        var zoneCounts: [ZoneCount] = []
        let names = censuses.first?.zones.names ?? []
        for row in 0...names.count {
            var rowStates: [FrameState: UInt64] = [:]
            for census in censuses {
                for (number, count) in census.counts[row].enumerated() where count > 0 {
                    let kind = census.slots.kinds[number]
                    flags[kind.key?.flags, default: 0] &+= count
                    rowStates[kind.verdict.state, default: 0] &+= count
                    if let contradiction = kind.verdict.contradiction {
                        contradictions[contradiction, default: 0] &+= count
                    }
                    if kind.hasVtable { withVtable &+= count }
                    guard kind.verdict.state != .unmanaged else { continue }
                    orders[kind.order, default: 0] &+= count
                    let number = kind.key.map { References(stored: $0.refcount, layout: census.layout) } ?? .other
                    references[number, default: 0] &+= count
                }
                for (state, found) in [
                    (FrameState.freeListed, census.listed[row]), (.freeCached, census.cached[row]),
                ] where found > 0 {
                    rowStates[state, default: 0] &+= found
                    rowStates[.freeUnlinked, default: 0] &-= found
                }
            }
            for (state, count) in rowStates { states[state, default: 0] &+= count }
            let total = rowStates.values.reduce(0, &+)
            if row < names.count || (total > 0 && !names.isEmpty) {
                zoneCounts.append(
                    ZoneCount(
                        name: row < names.count ? names[row] : nil, frames: total,
                        states: FrameSummary.sorted(rowStates)))
            }
        }
        self.init(
            frames: states.values.reduce(0, &+),
            flags: flags.map { FlagCount(flags: $0.key, frames: $0.value) }
                .sorted { ($0.flags ?? .max) < ($1.flags ?? .max) },
            states: FrameSummary.sorted(states),
            contradictions: contradictions.map { ContradictionCount(contradiction: $0.key, frames: $0.value) }
                .sorted { $0.contradiction.rawValue < $1.contradiction.rawValue },
            orders: orders.map { OrderCount(order: $0.key, frames: $0.value) }.sorted { $0.order < $1.order },
            references: references.map { ReferenceCount(references: $0.key, frames: $0.value) }
                .sorted { $0.references < $1.references },
            zones: zoneCounts, framesWithVtable: withVtable)
    }
}
