internal import GuestMemory

/// Folds the frames of a table into blocks: the head's slot stands for all frames of its block.
///
/// A frame whose slot does not belong to the block before it begins one of its own, and so does one that is poisoned or
/// contradicts itself inside a sound block; neighbouring frames that were never managed are one block.
public struct FrameBlocks: Sendable {
    /// A block.
    public struct Block: Hashable, Sendable {
        /// Number of the first frame.
        public var start: UInt64
        /// Number of frames.
        public var count: UInt64
        /// The first frame's slot.
        public var slot: MetaSlot
        /// The first frame's state.
        public var state: FrameState
    }

    private let layout: FrameLayout
    private let books: FreeFrameSets
    private var pending: Block?

    /// No slots yet.
    public init(layout: FrameLayout, books: FreeFrameSets = FreeFrameSets()) {
        self.layout = layout
        self.books = books
    }

    /// Hands the blocks that end in this batch to `body`.
    public mutating func add(_ batch: SlotBatch, _ body: (Block) -> Void) {
        var slot = batch.base
        for offset in 0..<batch.count {
            let frame = layout.frame(at: batch.firstIndex &+ UInt64(offset)).rawValue
            add(layout.decode(slot), frame: frame, state: layout.verdict(slot, frame: frame).state, body)
            slot += layout.stride
        }
    }

    /// Hands out the last block.
    public mutating func finish(_ body: (Block) -> Void) {
        if let block = pending { body(block) }
        pending = nil
    }

    private mutating func add(_ slot: MetaSlot, frame: UInt64, state: FrameState, _ body: (Block) -> Void) {
        if let block = pending {
            if belongs(slot, frame, state, to: block) {
                pending?.count &+= 1
                return
            }
            body(block)
        }
        let resolved = FrameVerdict(state).resolved(with: books.context(of: frame)).state
        pending = Block(start: frame, count: 1, slot: slot, state: resolved)
    }

    private func belongs(_ slot: MetaSlot, _ frame: UInt64, _ state: FrameState, to block: Block) -> Bool {
        guard block.start &+ block.count == frame else { return false }
        if state == .unmanaged { return block.state == .unmanaged }
        guard block.state != .unmanaged, slot.order == block.slot.order, slot.order < 64 else { return false }
        guard frame >> UInt64(slot.order) == block.start >> UInt64(slot.order) else { return false }
        switch state {
        case .freeInterior: return block.state.isFree
        case .blockPage:
            switch block.state {
            case .inconsistent, .poisoned, .quarantined: return false
            default: return !block.state.isFree
            }
        // Poison and contradictions are never hidden inside a sound block.
        case .poisoned: return block.state == .poisoned || block.state == .quarantined
        case .quarantined, .inconsistent: return block.state == state
        default: return false
        }
    }
}
