public import GuestMemory

/// Where a guest's frame table lies: how many slots, and which pieces of physical memory hold them.
public struct TablePlacement: Hashable, Sendable {
    /// A contiguous piece of the table.
    public struct Run: Hashable, Sendable {
        /// Offset of the piece in the table, in bytes.
        public var offset: UInt64
        /// Physical address of its first byte.
        public var address: PhysicalAddress
        /// Length in bytes, never 0.
        public var count: UInt64

        /// A piece.
        public init(offset: UInt64, address: PhysicalAddress, count: UInt64) {
            self.offset = offset
            self.address = address
            self.count = count
        }
    }

    /// Virtual address of slot 0; nil where the table was found in physical memory only.
    public let base: VirtualAddress?
    /// Number of slots.
    public let slotCount: UInt64
    /// Bytes from one slot to the next.
    public let stride: Int
    /// The pieces by ascending offset, without gap.
    public let runs: [Run]

    /// A table from its pieces; neighbours that are contiguous become one.
    ///
    /// - Throws: `MemoryError` with code `.malformed` when the pieces leave a gap or do not hold all slots.
    public init(base: VirtualAddress?, slotCount: UInt64, stride: Int, runs: [Run]) throws(MemoryError) {
        var joined: [Run] = []
        var end: UInt64 = 0
        for run in runs where run.count > 0 {
            let (runEnd, overflow) = run.offset.addingReportingOverflow(run.count)
            guard run.offset == end, !overflow, run.address.advanced(by: run.count) != nil else {
                throw MemoryError(
                    .malformed, "the frame table's pieces leave a gap at offset \(end)", at: run.address)
            }
            end = runEnd
            if let last = joined.last, last.address.rawValue &+ last.count == run.address.rawValue {
                joined[joined.count - 1].count &+= run.count
            } else {
                joined.append(run)
            }
        }
        let (bytes, overflow) = slotCount.multipliedReportingOverflow(by: UInt64(max(stride, 0)))
        guard stride > 0, !overflow, end >= bytes else {
            throw MemoryError(
                .malformed, "the frame table's pieces hold \(end) bytes, its \(slotCount) slots need more")
        }
        self.base = base
        self.slotCount = slotCount
        self.stride = stride
        self.runs = joined
    }

    /// Bytes of all slots.
    public var byteCount: UInt64 { slotCount &* UInt64(stride) }

    /// Virtual address of a slot; nil behind the last one, or where the table has none.
    public func virtualAddress(ofSlot index: UInt64) -> VirtualAddress? {
        index < slotCount ? base?.advanced(by: index &* UInt64(stride)) : nil
    }

    /// Physical address of a slot's first byte; nil behind the last one.
    public func physicalAddress(ofSlot index: UInt64) -> PhysicalAddress? {
        guard index < slotCount else { return nil }
        let offset = index &* UInt64(stride)
        let run = runs[runIndex(containing: offset)]
        return PhysicalAddress(run.address.rawValue &+ (offset &- run.offset))
    }

    /// The pieces that hold a range of slots, cut to it.
    func runs(ofSlots slots: Range<UInt64>) -> [Run] {
        guard slots.upperBound <= slotCount else { return [] }
        let size = UInt64(stride)
        return runs(in: slots.lowerBound &* size..<slots.upperBound &* size)
    }

    /// The pieces that hold a range of the table's bytes, cut to it.
    func runs(in range: Range<UInt64>) -> [Run] {
        guard !range.isEmpty, range.upperBound <= byteCount else { return [] }
        var result: [Run] = []
        var index = runIndex(containing: range.lowerBound)
        while index < runs.count, runs[index].offset < range.upperBound {
            let run = runs[index]
            let start = max(run.offset, range.lowerBound)
            let end = min(run.offset &+ run.count, range.upperBound)
            result.append(
                Run(
                    offset: start, address: PhysicalAddress(run.address.rawValue &+ (start &- run.offset)),
                    count: end &- start))
            index += 1
        }
        return result
    }

    /// The piece that holds a byte of the table, by binary search; `offset` is inside.
    private func runIndex(containing offset: UInt64) -> Int {
        var low = 0
        var high = runs.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if runs[middle].offset <= offset { low = middle } else { high = middle - 1 }
        }
        return low
    }
}
