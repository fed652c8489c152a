/// The test kernel's own account of its frame table: one column for each field, an element for each slot.
public struct GuestTruth: Sendable, Equatable {
    /// Physical address of the next free block; all ones for none.
    public var next: [UInt64] = []
    /// Physical address of the previous free block; all ones for none.
    public var prev: [UInt64] = []
    /// Virtual address of the vtable.
    public var vtable: [UInt64] = []
    /// Flag bits.
    public var flags: [UInt32] = []
    /// Buddy order.
    public var order: [UInt8] = []
    /// References; all ones for unused.
    public var refcount: [UInt32] = []
    /// Claims so far.
    public var generation: [UInt32] = []
    /// Guard bits.
    public var guardBits: [UInt32] = []
    /// Auxiliary word.
    public var metaAux: [UInt32] = []
    /// First reserved word.
    public var reserved0: [UInt64] = []
    /// Second reserved word.
    public var reserved1: [UInt64] = []

    /// Number of slots.
    public var count: Int { flags.count }

    /// Expands the runs of a `table` answer.
    ///
    /// - Throws: ``TestProcessError`` where the runs leave gaps or do not add up to the table.
    public init(_ answer: GuestAnswer) throws {
        for row in answer.lines.flatMap({ $0["runs"].list }) {
            var words = row.list.compactMap(\.number)
            guard words.count >= 2, words.count <= 13, words[0] == UInt64(count), words[1] > 0, words[1] < 1 << 32
            else {
                throw TestProcessError("run \(row) does not follow slot \(count)")
            }
            let length = Int(words[1])
            words += Array(repeating: 0, count: 13 - words.count)
            flags.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: words[2]), count: length))
            order.append(contentsOf: repeatElement(UInt8(truncatingIfNeeded: words[3]), count: length))
            refcount.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: words[4]), count: length))
            next.append(contentsOf: repeatElement(words[5], count: length))
            prev.append(contentsOf: repeatElement(words[6], count: length))
            generation.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: words[7]), count: length))
            vtable.append(contentsOf: repeatElement(words[8], count: length))
            guardBits.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: words[9]), count: length))
            metaAux.append(contentsOf: repeatElement(UInt32(truncatingIfNeeded: words[10]), count: length))
            reserved0.append(contentsOf: repeatElement(words[11], count: length))
            reserved1.append(contentsOf: repeatElement(words[12], count: length))
        }
        guard answer["count"].number == UInt64(count) else {
            throw TestProcessError("the runs cover \(count) slots, the table has \(answer["count"].number ?? 0)")
        }
    }

    /// The 64 bytes of a slot as they must lie in guest memory.
    public func bytes(of slot: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(next[slot])
        append(prev[slot])
        append(vtable[slot])
        append(flags[slot])
        append(UInt32(order[slot]))
        append(refcount[slot])
        append(generation[slot])
        append(guardBits[slot])
        append(metaAux[slot])
        append(reserved0[slot])
        append(reserved1[slot])
        return bytes
    }
}
