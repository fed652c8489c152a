/// Turns the slots of a table into runs of frames in the same state; what pictures of memory are made of.
public struct StateRuns: Sendable {
    /// Neighbouring frames in one state.
    public struct Run: Hashable, Sendable {
        /// The state.
        public var state: FrameState
        /// Number of the first frame.
        public var start: UInt64
        /// Number of frames.
        public var count: UInt64
    }

    private var slots: SlotKinds
    private let books: FreeFrameSets
    private var pending: Run?

    /// No slots yet; `books` tell unlinked free frames apart where they are known.
    public init(layout: FrameLayout, books: FreeFrameSets = FreeFrameSets()) {
        slots = SlotKinds(layout: layout)
        self.books = books
    }

    /// Hands the runs that end in this batch to `body`.
    public mutating func add(_ batch: SlotBatch, _ body: (Run) -> Void) {
        var pending = pending
        let books = books
        func extend(_ run: Run) {
            if let last = pending {
                if last.state == run.state, last.start &+ last.count == run.start {
                    pending?.count &+= run.count
                    return
                }
                body(last)
            }
            pending = run
        }
        slots.forEachRun(in: batch) { _, state, start, count in
            guard state == .freeUnlinked, !(books.cached.isEmpty && books.listHeads.isEmpty) else {
                return extend(Run(state: state, start: start, count: count))
            }
            for frame in start..<(start &+ count) {
                let verdict = FrameVerdict(state).resolved(with: books.context(of: frame))
                extend(Run(state: verdict.state, start: frame, count: 1))
            }
        }
        self.pending = pending
    }

    /// Hands out the last run.
    public mutating func finish(_ body: (Run) -> Void) {
        if let last = pending { body(last) }
        pending = nil
    }
}
