public import GuestMemory

/// Hands out the slots of a frame table in large batches, wherever its bytes lie.
public struct FrameTableReader: Sendable {
    /// The most bytes that are handed out at once: small enough for the processor's cache.
    static let batchBytes = 1 << 20

    /// What a slot looks like.
    public let layout: FrameLayout
    /// Where the slots are.
    public let placement: TablePlacement
    /// Where their bytes come from.
    public let memory: any PhysicalMemory

    /// A reader of one table.
    public init(layout: FrameLayout, placement: TablePlacement, memory: any PhysicalMemory) {
        self.layout = layout
        self.placement = placement
        self.memory = memory
    }

    /// All slots.
    public var allSlots: Range<UInt64> { 0..<placement.slotCount }

    /// Hands the slots of a range to `body`, in ascending order; `body` returns false to end early.
    ///
    /// A slot that straddles two pieces of memory is put together. The bytes may be guest memory itself: they stay as they
    /// are only while the guest is stopped.
    ///
    /// - Throws: `MemoryError` of the source; `.notRAM` for slots behind the last one; `.malformed` where the source gives
    ///   too few bytes or the placement is for another stride.
    public func forEachBatch(
        in slots: Range<UInt64>, _ body: (SlotBatch) throws(MemoryError) -> Bool
    ) async throws(MemoryError) {
        guard !slots.isEmpty else { return }
        guard layout.stride == placement.stride else {
            throw MemoryError(
                .malformed,
                "the frame table was located for slots of \(placement.stride) bytes, but they have \(layout.stride)")
        }
        guard slots.upperBound <= placement.slotCount else {
            throw MemoryError(
                .notRAM,
                "the frame table has \(placement.slotCount) slots; slot \(slots.upperBound &- 1) is behind its end")
        }
        let stride = layout.stride
        let bytes = slots.lowerBound &* UInt64(stride)..<slots.upperBound &* UInt64(stride)
        var index = slots.lowerBound
        let carry = UnsafeMutableRawBufferPointer.allocate(byteCount: stride, alignment: 64)
        defer { carry.deallocate() }
        var carried = 0
        var goesOn = true
        for run in placement.runs(in: bytes) where goesOn {
            // Chunks are whole slots, counted from where the first whole slot of the run begins.
            let chunk = max(1, FrameTableReader.batchBytes / stride) * stride
            try await memory.forEachChunk(at: run.address, count: run.count, chunk: chunk) {
                (_, piece) throws(MemoryError) in
                guard var base = piece.baseAddress else { return true }
                var rest = piece.count
                if carried > 0 {
                    let missing = min(stride - carried, rest)
                    guard let target = carry.baseAddress else { return false }
                    (target + carried).copyMemory(from: base, byteCount: missing)
                    carried += missing
                    base += missing
                    rest -= missing
                    guard carried == stride else { return true }
                    goesOn = try body(SlotBatch(firstIndex: index, count: 1, base: UnsafeRawPointer(target)))
                    index &+= 1
                    carried = 0
                    guard goesOn else { return false }
                }
                let whole = rest / stride
                if whole > 0 {
                    goesOn = try body(SlotBatch(firstIndex: index, count: whole, base: base))
                    index &+= UInt64(whole)
                    base += whole * stride
                    rest -= whole * stride
                    guard goesOn else { return false }
                }
                if rest > 0, let target = carry.baseAddress {
                    target.copyMemory(from: base, byteCount: rest)
                    carried = rest
                }
                return true
            }
        }
        guard !goesOn || index == slots.upperBound else {
            throw MemoryError(
                .malformed, "the memory source ended before slot \(index); slots \(slots) were asked for")
        }
    }

    /// The bytes of one slot.
    ///
    /// - Throws: `MemoryError` as ``forEachBatch(in:_:)`` does.
    public func bytes(ofSlot index: UInt64) async throws(MemoryError) -> [UInt8] {
        guard index < placement.slotCount else {
            throw MemoryError(
                .notRAM, "the frame table has \(placement.slotCount) slots; slot \(index) is behind its end")
        }
        var result: [UInt8] = []
        try await forEachBatch(in: index..<(index &+ 1)) { (batch) throws(MemoryError) in
            result = [UInt8](UnsafeRawBufferPointer(start: batch.base, count: layout.stride))
            return true
        }
        return result
    }
}
