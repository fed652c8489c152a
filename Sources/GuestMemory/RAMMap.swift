/// What is RAM in the guest's physical address space: sorted, without overlap; everything else must not be read.
public struct RAMMap: Hashable, Sendable, Codable {
    /// The regions by ascending address.
    public let regions: [RAMRegion]

    /// Sorts the regions; where two overlap, the one that starts first keeps the bytes and the other is cut.
    public init(_ regions: [RAMRegion]) {
        var sorted: [RAMRegion] = []
        sorted.reserveCapacity(regions.count)
        for region in regions.sorted(by: { ($0.start, $0.length) < ($1.start, $1.length) }) {
            guard let last = sorted.last, last.end > region.start else {
                sorted.append(region)
                continue
            }
            let cut = last.end.rawValue &- region.start.rawValue
            guard region.length > cut else { continue }
            let rest = RAMRegion(
                start: last.end, length: region.length &- cut, block: region.block,
                blockOffset: region.blockOffset &+ cut, isReadOnly: region.isReadOnly)
            if let rest { sorted.append(rest) }
        }
        self.regions = sorted
    }

    /// Bytes of RAM in all regions.
    public var totalBytes: UInt64 { regions.reduce(0) { $0 &+ $1.length } }

    /// The first address behind the last region; 0 where there is none.
    public var end: PhysicalAddress { regions.last?.end ?? PhysicalAddress(0) }

    /// The region that holds `address`, or nil for holes, devices and everything past RAM.
    ///
    /// O(log n).
    public func region(containing address: PhysicalAddress) -> RAMRegion? {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < regions.count, regions[low].contains(address) else { return nil }
        return regions[low]
    }

    /// Cuts a range of physical memory at the borders of regions, in ascending order.
    ///
    /// - Throws: ``MemoryError`` with code `.notRAM` and the first address that is not RAM.
    public func pieces(at address: PhysicalAddress, count: UInt64) throws(MemoryError) -> [RAMPiece] {
        guard count > 0 else { return [] }
        guard address.advanced(by: count) != nil else { throw .notRAM(at: address, count: count, map: self) }
        var pieces: [RAMPiece] = []
        var position = address
        var remaining = count
        while remaining > 0 {
            guard let region = region(containing: position) else {
                throw .notRAM(at: position, count: remaining, map: self)
            }
            let offset = position.rawValue &- region.start.rawValue
            let length = min(remaining, region.length &- offset)
            pieces.append(RAMPiece(region: region, offset: offset, address: position, count: length))
            position = PhysicalAddress(position.rawValue &+ length)
            remaining &-= length
        }
        return pieces
    }
}

/// A part of one RAM region.
public struct RAMPiece: Hashable, Sendable {
    /// The region that holds the piece.
    public var region: RAMRegion
    /// Offset of the piece in the region, in bytes.
    public var offset: UInt64
    /// Physical address of the piece's first byte.
    public var address: PhysicalAddress
    /// Length in bytes, never 0.
    public var count: UInt64
}
