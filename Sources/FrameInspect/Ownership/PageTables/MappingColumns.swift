internal import GuestMemory

/// Mappings in columns: 28 bytes each.
struct MappingColumns: Sendable {
    private(set) var frames: [UInt64] = []
    private var virtuals: [UInt64] = []
    private var counts: [UInt64] = []
    /// Root in the low 16 bits, page size's level, permissions, half, direct map.
    private var attributes: [UInt32] = []

    var count: Int { frames.count }

    subscript(index: Int) -> ReverseMap.Mapping {
        let word = attributes[index]
        return ReverseMap.Mapping(
            root: Int(word & 0xFFFF), virtual: VirtualAddress(virtuals[index]), frame: FrameNumber(frames[index]),
            frameCount: counts[index], pageSize: 4096 << (9 * UInt64(word >> 16 & 3)),
            permissions: ReverseMap.Permissions(rawValue: UInt8(word >> 18 & 7)),
            half: word >> 21 & 1 == 1 ? .kernel : .user, isDirectMap: word >> 22 & 1 == 1)
    }

    /// The last frame of a row.
    func lastFrame(_ index: Int) -> UInt64 { frames[index] &+ counts[index] &- 1 }

    /// What distinguishes rows that cannot be one: `level` is 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB.
    static func attributes(
        root: Int, level: Int, permissions: ReverseMap.Permissions, half: ReverseMap.Half, isDirectMap: Bool
    ) -> UInt32 {
        UInt32(root & 0xFFFF) | UInt32(level & 3) << 16 | UInt32(permissions.rawValue & 7) << 18
            | UInt32(half.rawValue) << 21 | (isDirectMap ? 1 << 22 : 0)
    }

    /// Adds pages, to the last row where they go on from it.
    mutating func append(frame: UInt64, virtual: UInt64, count: UInt64, attributes word: UInt32) {
        if let last = frames.indices.last, attributes[last] == word, frames[last] &+ counts[last] == frame,
            virtuals[last] &+ counts[last] << 12 == virtual
        {
            counts[last] &+= count
            return
        }
        frames.append(frame)
        virtuals.append(virtual)
        counts.append(count)
        attributes.append(word)
    }

    /// The rows by ascending frame.
    func sorted() -> MappingColumns {
        let order = frames.indices.sorted { (frames[$0], virtuals[$0]) < (frames[$1], virtuals[$1]) }
        var result = MappingColumns()
        result.frames = order.map { frames[$0] }
        result.virtuals = order.map { virtuals[$0] }
        result.counts = order.map { counts[$0] }
        result.attributes = order.map { attributes[$0] }
        return result
    }
}
