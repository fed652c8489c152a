internal import GuestMemory

/// Sorts slots into kinds: slots that agree in everything that states and counts depend on.
///
/// A table has millions of slots but few kinds, and neighbours are mostly of the same one: a run of equal slots costs one
/// comparison each, the state is worked out once per kind.
struct SlotKinds: Sendable {
    /// How many kinds are told apart; in a table of random bytes, which has more, the rest is
    /// told apart by state, order and whether there is a vtable.
    static let limit = 1 << 14

    /// What two slots of a kind agree in.
    struct Key: Hashable, Sendable {
        var flags: UInt64
        var refcount: UInt64
        var guardBits: UInt64
        var order: UInt8
        /// Whether it is linked, can head a block, was claimed before, has a vtable of its own: bits 0 to 3.
        var bits: UInt8

        static let linked: UInt8 = 1
        static let head: UInt8 = 2
        static let claimed: UInt8 = 4
        static let vtable: UInt8 = 8

        @inline(__always)
        var hash: UInt64 {
            var hash = flags &* 0x9E37_79B9_7F4A_7C15
            hash ^= refcount &* 0xC2B2_AE3D_27D4_EB4F
            hash ^= guardBits &* 0x1656_67B1_9E37_79F9
            hash ^= (UInt64(order) << 8 | UInt64(bits)) &* 0xD6E8_FEB8_6659_FD93
            return hash ^ (hash >> 29)
        }
    }

    /// One kind.
    struct Kind: Sendable {
        /// What its slots agree in; nil for the rest of a table with too many kinds.
        var key: Key?
        /// Their state.
        var verdict: FrameVerdict
        /// Their order.
        var order: UInt8
        /// Whether they have a vtable of their own.
        var hasVtable: Bool
    }

    /// What is still told apart once there are too many kinds.
    private struct RestKey: Hashable, Sendable {
        var verdict: FrameVerdict
        var order: UInt8
        var hasVtable: Bool
    }

    let layout: FrameLayout
    /// The kinds met so far, in order of appearance.
    private(set) var kinds: [Kind] = []
    /// Index of a kind by hash, open addressing; -1 where there is none.
    private var places = [Int32](repeating: -1, count: 1024)
    /// Kinds of the rest.
    private var rest: [RestKey: Int] = [:]

    /// Which bits of a 64-byte slot decide its kind: whole bytes of every field but the auxiliary one.
    private let significant: SIMD8<UInt64>

    init(layout: FrameLayout) {
        self.layout = layout
        var significant = SIMD8<UInt64>.zero
        for name in SlotField.allCases where name != .aux && layout[name].isPresent {
            let field = layout[name]
            for byte in field.offset..<(field.offset + field.width) where byte < 64 {
                significant[byte / 8] |= 0xFF << UInt64(byte % 8 * 8)
            }
        }
        self.significant = significant
    }

    /// Hands every run of slots of one kind to `body`: the kind's number, the state, the first frame, how many.
    @inline(__always)
    mutating func forEachRun(in batch: SlotBatch, _ body: (Int, FrameState, UInt64, UInt64) -> Void) {
        let flagsField = layout.flags
        let refcountField = layout.refcount
        let guardField = layout.guardField
        let orderField = layout.order
        let nextField = layout.next
        let prevField = layout.prev
        let vtableField = layout.vtable
        let generationField = layout.generation
        // A field that is absent loads 0: compared with 0 it is never set.
        let noNext = nextField.isPresent ? layout.linkNone & nextField.mask : 0
        let noPrev = prevField.isPresent ? layout.linkNone & prevField.mask : 0
        let noVtable = vtableField.isPresent ? layout.vtableDefault & vtableField.mask : 0
        let stride = layout.stride
        let significant = significant

        var frame = layout.frame(at: batch.firstIndex).rawValue
        var slot = batch.base
        var current = Key(flags: 0, refcount: 0, guardBits: 0, order: 0, bits: 0xFF)
        var run: UInt64 = 0
        let comparesWords = stride == 64
        var previous = SIMD8<UInt64>.zero
        var currentHeadMask: UInt64 = 0
        var rest = batch.count
        while rest > 0 {
            if comparesWords {
                if run > 0 {
                    // Most slots equal their neighbour in all that matters, and blocks of their order begin far between.
                    let offset = frame & currentHeadMask
                    let isHead = current.bits & Key.head != 0
                    let same = isHead ? (currentHeadMask == 0 ? UInt64.max : 0) : (currentHeadMask &+ 1 &- offset)
                    let limit = isHead || offset != 0 ? Int(min(same, UInt64(rest))) : 0
                    let equal = SlotKinds.countEqual(slot, previous, significant, limit)
                    run &+= UInt64(equal)
                    frame &+= UInt64(equal)
                    slot += 64 * equal
                    rest &-= equal
                    guard rest > 0 else { break }
                }
                previous = slot.loadUnaligned(as: SIMD8<UInt64>.self)
            }
            rest &-= 1
            let flags = flagsField.load(slot)
            let refcount = refcountField.load(slot)
            let guardBits = guardField.load(slot)
            let order = UInt8(truncatingIfNeeded: min(orderField.load(slot), 255))
            let linked = (nextField.load(slot) ^ noNext) | (prevField.load(slot) ^ noPrev)
            let headMask: UInt64 = order < 64 ? (1 &<< UInt64(order)) &- 1 : .max
            currentHeadMask = headMask
            var bits: UInt8 = linked != 0 ? Key.linked : 0
            bits |= frame & headMask == 0 ? Key.head : 0
            bits |= generationField.load(slot) != 0 ? Key.claimed : 0
            bits |= vtableField.load(slot) != noVtable ? Key.vtable : 0
            let difference =
                (flags ^ current.flags) | (refcount ^ current.refcount) | (guardBits ^ current.guardBits)
                | UInt64(order ^ current.order) | UInt64(bits ^ current.bits)
            if difference != 0 {
                if run > 0 {
                    let kind = index(of: current)
                    body(kind, kinds[kind].verdict.state, frame &- run, run)
                }
                current = Key(flags: flags, refcount: refcount, guardBits: guardBits, order: order, bits: bits)
                run = 0
            }
            run &+= 1
            frame &+= 1
            slot += stride
        }
        if run > 0 {
            let kind = index(of: current)
            body(kind, kinds[kind].verdict.state, frame &- run, run)
        }
    }

    /// How many slots of 64 bytes from `slot` on, at most `limit`, are the same in their significant bits as `words`.
    @inline(__always)
    private static func countEqual(
        _ slot: UnsafeRawPointer, _ words: SIMD8<UInt64>, _ significant: SIMD8<UInt64>, _ limit: Int
    ) -> Int {
        var count = 0
        var slot = slot
        while count < limit {
            let differing = (slot.loadUnaligned(as: SIMD8<UInt64>.self) ^ words) & significant
            let half = differing.lowHalf | differing.highHalf
            let quarter = half.lowHalf | half.highHalf
            guard quarter[0] | quarter[1] == 0 else { break }
            count &+= 1
            slot += 64
        }
        return count
    }

    /// The number of a kind; a new one is remembered.
    @inline(never)
    private mutating func index(of key: Key) -> Int {
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: key.hash) & mask
        while places[place] >= 0 {
            let found = Int(places[place])
            if kinds[found].key == key { return found }
            place = (place + 1) & mask
        }
        let verdict = layout.verdict(
            FrameLayout.StateInput(
                flags: key.flags, order: UInt64(key.order), refcount: key.refcount, guardBits: key.guardBits,
                vtable: key.bits & Key.vtable != 0 ? ~layout.vtableDefault : layout.vtableDefault,
                isLinked: key.bits & Key.linked != 0, isHead: key.bits & Key.head != 0,
                wasClaimed: key.bits & Key.claimed != 0))
        let hasVtable = key.bits & Key.vtable != 0
        guard kinds.count < SlotKinds.limit else {
            return indexOfRest(RestKey(verdict: verdict, order: key.order, hasVtable: hasVtable))
        }
        places[place] = Int32(kinds.count)
        kinds.append(Kind(key: key, verdict: verdict, order: key.order, hasVtable: hasVtable))
        if kinds.count * 2 > places.count { grow() }
        return kinds.count - 1
    }

    private mutating func indexOfRest(_ key: RestKey) -> Int {
        if let known = rest[key] { return known }
        kinds.append(Kind(key: nil, verdict: key.verdict, order: key.order, hasVtable: key.hasVtable))
        rest[key] = kinds.count - 1
        return kinds.count - 1
    }

    private mutating func grow() {
        var larger = [Int32](repeating: -1, count: places.count * 2)
        let mask = larger.count - 1
        for (number, kind) in kinds.enumerated() {
            guard let key = kind.key else { continue }
            var place = Int(truncatingIfNeeded: key.hash) & mask
            while larger[place] >= 0 { place = (place + 1) & mask }
            larger[place] = Int32(number)
        }
        places = larger
    }
}
