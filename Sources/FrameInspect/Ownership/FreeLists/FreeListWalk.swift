public import GuestMemory

/// Every free list, followed through a copy of the frame table.
public struct FreeListWalk: Sendable {
    /// A list and the blocks that were met on it.
    public struct List: Hashable, Sendable {
        /// Where it begins.
        public var head: FreeListHead
        /// The blocks, as indices of ``FreeListWalk/blocks``.
        public var blocks: Range<Int>
    }

    /// A contradiction on a list.
    public struct Problem: Hashable, Sendable {
        /// What is wrong.
        public enum Kind: String, Hashable, Sendable, CaseIterable {
            /// The list leads back to a block that it had already.
            case cycle
            /// A block is on another list too.
            case metTwice
            /// The block's frames overlap those of another one, which is what was found.
            case overlap
            /// The block's link back is not the block before it.
            case backLink
            /// A link leads to a frame that the table does not have.
            case outsideTable
            /// A link leads to a frame of another segment.
            case outsideSegment
            /// A link is not the address of a frame.
            case notAFrame
            /// The block does not begin where a block of its order may begin.
            case misaligned
            /// The block is not free.
            case state
            /// The block has another order than its list.
            case order
            /// The kernel counts another number of blocks.
            case count
        }

        /// What is wrong.
        public var kind: Kind
        /// Index of the list.
        public var list: Int
        /// The block at fault; nil for a list as a whole.
        public var frame: FrameNumber?
        /// What was found: a link, an order, flags, a number of blocks.
        public var found: UInt64
        /// What was expected in its place.
        public var expected: UInt64
    }

    /// Problems that are listed at most.
    public static let maximumProblems = 10_000

    /// The lists, in the order of the heads.
    public private(set) var lists: [List] = []
    /// Rows of the blocks that were met, list by list.
    public private(set) var blocks: [UInt32] = []
    /// The contradictions, a bounded number of them.
    public private(set) var problems: [Problem] = []
    /// Number of contradictions.
    public private(set) var problemCount = 0
    /// Rows of the frames in blocks that a list has, first frames and others.
    public private(set) var listed: FrameBitmap

    /// Walks lists through a copy of the whole table; bounded by its size.
    public init(heads: [FreeListHead], slots: SlotView) {
        listed = FrameBitmap(count: slots.count)
        var met = FrameBitmap(count: slots.count)
        for (index, head) in heads.enumerated() { walk(head, index, slots, &met) }
    }

    /// The blocks of a list.
    public func blocks(of list: List, in slots: SlotView) -> [FrameNumber] {
        blocks[list.blocks].map { slots.layout.frame(at: UInt64($0)) }
    }

    private mutating func walk(
        _ head: FreeListHead, _ number: Int, _ slots: SlotView, _ met: inout FrameBitmap
    ) {
        let layout = slots.layout
        let first = blocks.count
        var link = head.first.rawValue
        var previous = layout.linkNone
        func isEnd(_ link: UInt64) -> Bool { link == layout.linkNone || link == 0 }
        while !isEnd(link) {
            guard link & 4095 == 0 else {
                note(.notAFrame, number, frame(previous, layout), link, 0)
                break
            }
            let frame = FrameNumber(link >> 12)
            guard let row = slots.row(of: frame), row <= Int(UInt32.max) else {
                note(.outsideTable, number, self.frame(previous, layout), link, UInt64(slots.count))
                break
            }
            guard !met[row] else {
                let isOwn = blocks[first...].contains(UInt32(row))
                note(isOwn ? .cycle : .metTwice, number, frame, link, previous)
                break
            }
            blocks.append(UInt32(row))
            check(row, frame, head, number, previous, slots, met)
            met.insert(row)
            previous = link
            // A frame that is not free has no links; its bytes would lead anywhere.
            guard layout.next.isPresent, slots.isFree(frame.rawValue) else { break }
            link = slots.load(layout.next, row)
        }
        lists.append(List(head: head, blocks: first..<blocks.count))
        if let expected = head.blockCount, expected != UInt64(blocks.count - first) {
            note(.count, number, nil, UInt64(blocks.count - first), expected)
        }
    }

    private mutating func check(
        _ row: Int, _ frame: FrameNumber, _ head: FreeListHead, _ number: Int, _ previous: UInt64, _ slots: SlotView,
        _ met: FrameBitmap
    ) {
        let layout = slots.layout
        let size = head.order <= 40 ? UInt64(1) << UInt64(head.order) : 1
        if !head.frames.contains(frame.rawValue) {
            note(.outsideSegment, number, frame, frame.rawValue << 12, head.frames.lowerBound << 12)
        }
        if frame.rawValue & (size &- 1) != 0 { note(.misaligned, number, frame, frame.rawValue << 12, size << 12) }
        if !slots.isFree(frame.rawValue) {
            note(.state, number, frame, slots.load(layout.flags, row), layout.freeMask)
        } else if layout.order.isPresent, slots.load(layout.order, row) != UInt64(head.order) {
            note(.order, number, frame, slots.load(layout.order, row), UInt64(head.order))
        }
        if layout.prev.isPresent, slots.load(layout.prev, row) != previous {
            note(.backLink, number, frame, slots.load(layout.prev, row), previous)
        }
        if listed.insert(row..<row + Int(min(size, 1 << 30))) {
            let other = FreeListWalk.block(overlapping: row..<row + Int(min(size, 1 << 30)), met, slots)
            note(.overlap, number, frame, slots.layout.frame(at: UInt64(other ?? row)).rawValue << 12, size)
        }
    }

    /// Row of a block that was met before and shares frames with these: one that begins among them, or before them.
    private static func block(overlapping rows: Range<Int>, _ met: FrameBitmap, _ slots: SlotView) -> Int? {
        let inside = rows.lowerBound..<min(rows.upperBound, rows.lowerBound + 4096, slots.count)
        if let row = inside.first(where: { met[$0] }) { return row }
        let layout = slots.layout
        let first = layout.frame(at: UInt64(rows.lowerBound)).rawValue
        for order in 1...max(1, min(layout.maxOrder, 40)) {
            let start = FrameNumber(first & ~((1 &<< order) &- 1))
            guard let row = slots.row(of: start), met[row], slots.load(layout.order, row) == order else { continue }
            return row
        }
        return nil
    }

    private func frame(_ link: UInt64, _ layout: FrameLayout) -> FrameNumber? {
        link == layout.linkNone ? nil : FrameNumber(link >> 12)
    }

    private mutating func note(
        _ kind: Problem.Kind, _ list: Int, _ frame: FrameNumber?, _ found: UInt64, _ expected: UInt64
    ) {
        problemCount += 1
        guard problems.count < FreeListWalk.maximumProblems else { return }
        problems.append(Problem(kind: kind, list: list, frame: frame, found: found, expected: expected))
    }
}
