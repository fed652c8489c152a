internal import GuestMemory
internal import NIOCore

/// Writes slots as runs of equal neighbours, each as what differs from the run before.
struct SlotRunWriter {
    /// Slots of one part; parts are written at the same time, and each is read on its own.
    static let slotsPerPart: UInt64 = 1 << 16

    private var writer = ByteWriter()
    private var previous = SlotContent()
    private var run: UInt64 = 0
    private var current = SlotContent()

    /// The parts of all slots of a copy, on all processors.
    static func parts(_ slots: SlotView) async -> [[UInt8]] {
        let total = slots.slots.upperBound
        let starts = Array(Swift.stride(from: slots.slots.lowerBound, to: total, by: Int(slotsPerPart)))
        let tasks = max(1, min(starts.count, System.coreCount))
        return await withTaskGroup(of: (Int, [[UInt8]]).self) { group in
            for task in 0..<tasks {
                let mine = starts[(starts.count * task / tasks)..<(starts.count * (task + 1) / tasks)]
                group.addTask { (task, mine.map { part(slots, $0..<min(total, $0 + slotsPerPart)) }) }
            }
            var results = [[[UInt8]]](repeating: [], count: tasks)
            for await (task, parts) in group { results[task] = parts }
            return results.flatMap { $0 }
        }
    }

    /// The part of a range of slots, which must have been copied.
    private static func part(_ slots: SlotView, _ range: Range<UInt64>) -> [UInt8] {
        let layout = slots.layout
        var writer = SlotRunWriter()
        writer.writer.put(range.lowerBound)
        writer.writer.put(UInt64(range.count))
        slots.withSlots(range) { base in
            let stride = layout.stride
            var slot = base
            var start = base
            var words = SIMD8<UInt64>.zero
            for index in 0..<range.count {
                // Most slots equal their neighbour to the last bit: that is seen without a look at their fields.
                if stride == 64 {
                    let these = slot.loadUnaligned(as: SIMD8<UInt64>.self)
                    let isSame = index > 0 && these == words
                    words = these
                    if isSame {
                        writer.run &+= 1
                        slot += 64
                        continue
                    }
                } else if index > 0, isEqual(slot, start, stride) {
                    writer.run &+= 1
                    slot += stride
                    continue
                }
                writer.add(layout.content(slot))
                start = slot
                slot += stride
            }
        }
        writer.close()
        return writer.writer.bytes
    }

    private static func isEqual(_ one: UnsafeRawPointer, _ other: UnsafeRawPointer, _ count: Int) -> Bool {
        UnsafeRawBufferPointer(start: one, count: count).elementsEqual(
            UnsafeRawBufferPointer(start: other, count: count))
    }

    @inline(__always)
    private mutating func add(_ content: SlotContent) {
        guard run == 0 || content != current else {
            run &+= 1
            return
        }
        close()
        current = content
        run = 1
    }

    /// Writes the open run.
    private mutating func close() {
        guard run > 0 else { return }
        var mask: UInt64 = 0
        for (bit, field) in SlotRun.fields.enumerated() where current[field] != previous[field] {
            mask |= 1 &<< UInt64(bit)
        }
        writer.put(mask)
        writer.put(run &- 1)
        for (bit, field) in SlotRun.fields.enumerated() where mask & (1 &<< UInt64(bit)) != 0 {
            writer.put(
                difference: SlotRun.packed(current[field], field) &- SlotRun.packed(previous[field], field))
        }
        previous = current
        run = 0
    }
}
