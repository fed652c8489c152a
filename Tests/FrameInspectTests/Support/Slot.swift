import GuestTesting

@testable import FrameInspect

/// Builds the bytes of slots.
enum Slot {
    static let none = UInt64.max
    static let unused: UInt64 = 0xFFFF_FFFF

    static let allocated: UInt64 = 1 << 8
    static let free: UInt64 = 1 << 9
    static let kernel: UInt64 = 1 << 10
    static let user: UInt64 = 1 << 11
    static let poisoned: UInt64 = 1 << 12
    static let movable: UInt64 = 1 << 13
    static let guardPoisoned: UInt64 = 1 << 31

    /// The 64 bytes of a strat9 slot, written without any help of the layout.
    static func strat9(
        next: UInt64 = none, prev: UInt64 = none, vtable: UInt64 = 0, flags: UInt64 = 0, order: UInt64 = 0,
        refcount: UInt64 = 0, generation: UInt64 = 0, guardBits: UInt64 = 0, aux: UInt64 = 0
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        put(next, 0, 8, &bytes)
        put(prev, 8, 8, &bytes)
        put(vtable, 16, 8, &bytes)
        put(flags, 24, 4, &bytes)
        put(order, 28, 1, &bytes)
        put(refcount, 32, 4, &bytes)
        put(generation, 36, 4, &bytes)
        put(guardBits, 40, 4, &bytes)
        put(aux, 44, 4, &bytes)
        return bytes
    }

    /// Writes a little-endian number.
    static func put(_ value: UInt64, _ offset: Int, _ width: Int, _ bytes: inout [UInt8]) {
        for index in 0..<width { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    }

    /// A table of plausible slots, with a contradiction here and there, or of nothing but random bytes.
    static func table(count: Int, seed: UInt64, isRandom: Bool = false) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        if isRandom { return (0..<count * 64).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
        let flags: [UInt64] = [
            0, free, free | movable, allocated, allocated | kernel, allocated | user, free | allocated,
            allocated | kernel | poisoned, free | poisoned, movable,
        ]
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count * 64)
        while bytes.count < count * 64 {
            let slot = strat9(
                next: random.oneIn(4) ? random.next() & 0xFFFF_F000 : none,
                prev: random.oneIn(6) ? random.next() & 0xFFFF_F000 : none,
                vtable: random.oneIn(9) ? 0xFFFF_FFFF_8000_0000 + random.next() % 5 * 64 : 0,
                flags: flags[Int(random.next() % 10)], order: random.oneIn(3) ? random.next() % 14 : 0,
                refcount: random.oneIn(2) ? unused : random.next() % 40, generation: random.next() % 3,
                guardBits: random.oneIn(4) ? guardPoisoned : 0, aux: random.next())
            for _ in 0..<(1 + random.next() % 9) where bytes.count < count * 64 { bytes += slot }
        }
        return bytes
    }
}

extension [UInt8] {
    /// Hands the bytes out as batches of at most `size` slots each.
    func forEachBatch(stride: Int, size: Int, _ body: (SlotBatch) -> Void) {
        withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            let total = buffer.count / stride
            var first = 0
            while first < total {
                let count = Swift.min(size, total - first)
                body(SlotBatch(firstIndex: UInt64(first), count: count, base: base + first * stride))
                first += count
            }
        }
    }

    /// The bytes of one slot.
    func slot(_ index: Int, stride: Int) -> [UInt8] { Array(self[index * stride..<(index + 1) * stride]) }
}
