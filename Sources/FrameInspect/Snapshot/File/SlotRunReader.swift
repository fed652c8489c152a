/// Reads the runs of a snapshot's slots in ascending order, without keeping them.
struct SlotRunReader {
    private let container: SnapshotContainer
    private let layout: FrameLayout
    private let slotCount: UInt64
    /// The parts that were not opened yet.
    private var parts: ArraySlice<SnapshotContainer.Part>
    private var reader: ByteReader?
    /// The slot behind the last run.
    private var position: UInt64 = 0
    /// The slot behind the open part.
    private var end: UInt64 = 0
    private var content = SlotContent()

    init(_ container: SnapshotContainer, layout: FrameLayout, slotCount: UInt64) {
        self.container = container
        self.layout = layout
        self.slotCount = slotCount
        parts = container.parts.filter { $0.tag == .slots }[...]
    }

    /// The next run; nil behind the last slot.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    mutating func next() throws(SnapshotError) -> SlotRun? {
        if position == end {
            try reader?.finish()
            reader = nil
            guard let part = parts.popFirst() else {
                guard position == slotCount else {
                    throw .damaged("slots", "there are \(position), the table has \(slotCount)")
                }
                return nil
            }
            try open(part)
        }
        guard var reader else { return nil }
        let mask = try reader.number(upTo: (1 << UInt64(SlotRun.fields.count)) - 1, "the set of fields")
        let more = try reader.number()
        guard more < end &- position else { throw reader.damaged("a run of slots is longer than its part") }
        for (bit, field) in SlotRun.fields.enumerated() where mask & (1 &<< UInt64(bit)) != 0 {
            let value = SlotRun.packed(content[field], field) &+ (try reader.difference())
            content[field] = SlotRun.unpacked(value, field)
        }
        guard layout.holds(content) else { throw reader.damaged("a value does not fit its field") }
        let run = SlotRun(first: position, count: more &+ 1, content: content)
        position &+= run.count
        self.reader = reader
        return run
    }

    private mutating func open(_ part: SnapshotContainer.Part) throws(SnapshotError) {
        var reader = container.reader(part)
        let first = try reader.number()
        let count = try reader.number(upTo: SlotRunWriter.slotsPerPart, "the number of slots")
        guard first == position, count > 0, count <= slotCount &- first else {
            throw reader.damaged("slots \(first) and following do not continue those before")
        }
        content = SlotContent()
        end = first &+ count
        self.reader = reader
    }
}
