internal import Glibc

/// What is different between two copies of a frame table, written down so that the earlier one can be had from the later one.
///
/// For each slot that changed: how many slots were skipped before it, which of its words changed, and what they were. Numbers are
/// of variable length, so that a small change costs a dozen bytes.
struct SlotDelta: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Number of slots that changed.
    private(set) var count = 0
    /// Whether changes beyond the limit were left out, so that the record is of no use for older states.
    private(set) var isTruncated = false

    /// A page's worth of bytes is compared at once; almost all are the same.
    private static let block = 4096

    /// Compares two copies of the same slots.
    ///
    /// - Parameter limit: The most bytes that are kept.
    init(from old: SlotView, to new: SlotView, limit: Int) {
        guard old.slots == new.slots, old.layout.stride == new.layout.stride, !old.slots.isEmpty else { return }
        let stride = new.layout.stride
        old.withSlots(old.slots) { before in
            new.withSlots(new.slots) { after in compare(before, after, old.count, stride, limit) }
        }
    }

    private mutating func compare(
        _ old: UnsafeRawPointer, _ new: UnsafeRawPointer, _ count: Int, _ stride: Int, _ limit: Int
    ) {
        let perBlock = max(1, SlotDelta.block / stride)
        var last = 0
        var row = 0
        while row < count {
            let length = min(perBlock, count - row)
            defer { row += length }
            guard memcmp(old + row * stride, new + row * stride, length * stride) != 0 else { continue }
            for slot in row..<row + length {
                let (before, after) = (old + slot * stride, new + slot * stride)
                guard memcmp(before, after, stride) != 0 else { continue }
                guard bytes.count < limit else { return isTruncated = true }
                append(UInt64(slot - last))
                last = slot
                appendWords(before, after, stride)
                self.count += 1
            }
        }
    }

    private mutating func appendWords(_ old: UnsafeRawPointer, _ new: UnsafeRawPointer, _ stride: Int) {
        var mask: UInt64 = 0
        let words = (stride + 7) / 8
        for word in 0..<min(words, 64) where SlotDelta.word(old, word, stride) != SlotDelta.word(new, word, stride) {
            mask |= 1 << UInt64(word)
        }
        append(mask)
        for word in 0..<min(words, 64) where mask >> UInt64(word) & 1 == 1 {
            append(SlotDelta.word(old, word, stride))
        }
    }

    /// Eight bytes of a slot, fewer at its end.
    private static func word(_ slot: UnsafeRawPointer, _ index: Int, _ stride: Int) -> UInt64 {
        if index * 8 + 8 <= stride { return slot.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) }
        return (index * 8..<stride).reduce(0) {
            $0 | UInt64(slot.load(fromByteOffset: $1, as: UInt8.self)) << UInt64(8 * ($1 & 7))
        }
    }

    private mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Puts a slot's bytes back to what they were; false where it did not change.
    func undo(row wanted: Int, in slot: inout [UInt8]) -> Bool {
        var position = 0
        var row = 0
        func number() -> UInt64 {
            var value: UInt64 = 0
            var shift: UInt64 = 0
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                value |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { break }
                shift += 7
            }
            return value
        }
        while position < bytes.count {
            row += Int(truncatingIfNeeded: number())
            guard row <= wanted else { return false }
            let mask = number()
            for word in 0..<64 where mask >> UInt64(word) & 1 == 1 {
                let old = number()
                guard row == wanted else { continue }
                for byte in 0..<8 where word * 8 + byte < slot.count {
                    slot[word * 8 + byte] = UInt8(truncatingIfNeeded: old >> UInt64(8 * byte))
                }
            }
            if row == wanted { return true }
        }
        return false
    }
}
