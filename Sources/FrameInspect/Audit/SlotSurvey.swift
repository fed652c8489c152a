internal import GuestMemory

/// What one pass over the slots finds that rules look at; everything else in a table is sound.
///
/// A sound table of millions of slots leaves a few thousand entries here: rules do not walk the table again.
struct SlotSurvey: Sendable {
    /// Frames in a row with the same contradiction.
    struct Contradicting: Sendable {
        var contradiction: Contradiction
        var first: UInt64
        var count: UInt64
    }

    /// Frames in a row with the same vtable.
    struct VtableRun: Sendable {
        var pointer: UInt64
        var first: UInt64
        var count: UInt64
    }

    /// The most entries of a kind that are kept: more than that is a table full of garbage.
    static let limit = 1 << 20

    private let layout: FrameLayout
    private var kinds: SlotKinds
    /// Frames whose slots contradict themselves.
    private(set) var contradictions: [Contradicting] = []
    /// Frames with a vtable other than the default.
    private(set) var vtables: [VtableRun] = []
    /// First frames of free blocks, linked or not.
    private(set) var freeHeads: [UInt64] = []
    /// Frames claimed for user space that count references.
    private(set) var userFrames: [FrameRange] = []
    /// Poisoned frames that look live.
    private(set) var poisoned: [FrameRange] = []
    /// Poisoned frames that were given back.
    private(set) var quarantined: [FrameRange] = []
    /// Whether entries were left out.
    private(set) var isTruncated = false

    init(layout: FrameLayout) {
        self.layout = layout
        kinds = SlotKinds(layout: layout)
    }

    /// Looks at the slots of a batch, which come in ascending order.
    mutating func add(_ batch: SlotBatch) {
        let first = layout.frame(at: batch.firstIndex).rawValue
        var found: [(kind: Int, state: FrameState, frame: UInt64, count: UInt64)] = []
        kinds.forEachRun(in: batch) { kind, state, frame, count in
            switch state {
            // The most common ones: nothing to note unless there is a vtable.
            case .unmanaged, .freeInterior: return
            default: found.append((kind, state, frame, count))
            }
        }
        for run in found {
            note(run.kind, run.state, run.frame, run.count)
            guard kinds.kinds[run.kind].hasVtable else { continue }
            addVtables(batch.base + Int(run.frame &- first) * layout.stride, run.frame, run.count)
        }
    }

    private mutating func note(_ kind: Int, _ state: FrameState, _ frame: UInt64, _ count: UInt64) {
        switch state {
        case .inconsistent:
            guard let contradiction = kinds.kinds[kind].verdict.contradiction else { return }
            if let last = contradictions.last, last.contradiction == contradiction, last.first &+ last.count == frame {
                contradictions[contradictions.count - 1].count &+= count
                return
            }
            guard contradictions.count < SlotSurvey.limit else { return isTruncated = true }
            contradictions.append(Contradicting(contradiction: contradiction, first: frame, count: count))
        case .freeListed, .freeUnlinked, .freeCached, .freeLost:
            guard freeHeads.count < 16 * SlotSurvey.limit else { return isTruncated = true }
            for number in frame..<(frame &+ count) { freeHeads.append(number) }
        case .claimedUser: SlotSurvey.extend(&userFrames, frame, count)
        case .poisoned: SlotSurvey.extend(&poisoned, frame, count)
        case .quarantined: SlotSurvey.extend(&quarantined, frame, count)
        default: break
        }
    }

    private static func extend(_ ranges: inout [FrameRange], _ frame: UInt64, _ count: UInt64) {
        if let last = ranges.last, last.first.rawValue &+ last.count == frame {
            ranges[ranges.count - 1].count &+= count
        } else {
            ranges.append(FrameRange(FrameNumber(frame), count: count))
        }
    }

    private mutating func addVtables(_ base: UnsafeRawPointer, _ first: UInt64, _ count: UInt64) {
        var slot = base
        for frame in first..<(first &+ count) {
            let pointer = layout.vtable.load(slot)
            slot += layout.stride
            if let last = vtables.last, last.pointer == pointer, last.first &+ last.count == frame {
                vtables[vtables.count - 1].count &+= 1
            } else {
                guard vtables.count < SlotSurvey.limit else { return isTruncated = true }
                vtables.append(VtableRun(pointer: pointer, first: frame, count: 1))
            }
        }
    }

    /// Adds what was found in a later part of the same table.
    mutating func add(_ later: SlotSurvey) {
        contradictions += later.contradictions
        vtables += later.vtables
        freeHeads += later.freeHeads
        userFrames += later.userFrames
        poisoned += later.poisoned
        quarantined += later.quarantined
        isTruncated = isTruncated || later.isTruncated
    }
}
