internal import GuestMemory

/// What the allocator's own structures say: its zones, and where free frames are kept.
public struct AllocatorBooks: Hashable, Sendable {
    /// The zones.
    public var zones: ZoneMap
    /// The first blocks of the free lists, and the frames in per-CPU caches.
    public var books: FreeFrameSets

    /// Nothing is known.
    public static let unknown = AllocatorBooks(zones: .empty, books: FreeFrameSets())
}

extension Inspector {
    /// More zones, segments and caches than these no kernel has: what says so is not what the profile takes it for.
    private static let maximumZones = 32
    private static let maximumSegments: UInt64 = 4096
    private static let maximumCaches = 4096
    private static let maximumStructure = 1 << 20

    /// Reads zones, free-list heads and per-CPU caches; what is not known stays empty.
    ///
    /// - Throws: ``InspectorError`` when the guest is gone; structures that make no sense are unknown, not an error.
    func readBooks() async throws(InspectorError) -> AllocatorBooks {
        guard let allocator = facts.allocator, let profile = target.profile.zones,
            let address = anchors[profile.allocator]
        else { return .unknown }
        do {
            var result = AllocatorBooks.unknown
            try await readZones(allocator, names: profile.names, at: address, into: &result)
            if let name = target.profile.frameCaches?.anchor, let caches = anchors[name] {
                result.books.cached = try await readCaches(allocator, at: caches)
            }
            return result
        } catch {
            if error.code == .guestGone || error.code == .timeout { throw InspectorError(error) }
            return .unknown
        }
    }

    private func readZones(
        _ allocator: AllocatorLayout, names: [String], at address: UInt64, into result: inout AllocatorBooks
    ) async throws(MemoryError) {
        let list = allocator.zones
        guard (1...Inspector.maximumZones).contains(list.count), list.stride <= Inspector.maximumStructure else {
            return
        }
        var parts: [ZoneMap.Part] = []
        var heads: Set<UInt64> = []
        for index in 0..<list.count {
            let zone = try await structure(at: address &+ UInt64(list.offset + index * list.stride), list.stride)
            let kind = zone.number(allocator.zoneKind)
            let segmentCount = zone.number(allocator.segmentCount)
            guard kind < UInt64(names.count), segmentCount <= Inspector.maximumSegments else { continue }
            let start = zone.number(allocator.segments)
            for number in 0..<segmentCount {
                let place = start &+ number &* UInt64(allocator.segmentStride)
                let segment = try await structure(at: place, allocator.segmentStride)
                let first = segment.number(allocator.segmentBase) >> 12
                let (end, overflow) = first.addingReportingOverflow(segment.number(allocator.segmentPages))
                guard !overflow else { continue }
                parts.append(ZoneMap.Part(zone: Int(kind), start: first, end: end))
                for slot in 0..<min(allocator.freeLists.count, 1024) {
                    let head = segment.number(
                        AllocatorLayout.Field(offset: allocator.freeLists.offset + slot * 8, width: 8))
                    // 0 is an empty list.
                    if head != 0, head & 0xFFF == 0 { heads.insert(head >> 12) }
                }
            }
        }
        result.zones = ZoneMap(names: names, parts: parts)
        result.books.listHeads = heads
    }

    private func readCaches(
        _ allocator: AllocatorLayout, at address: UInt64
    ) async throws(MemoryError) -> Set<UInt64> {
        guard let caches = allocator.caches, let length = allocator.cacheLength, let frames = allocator.cacheFrames,
            caches.count <= Inspector.maximumCaches, caches.stride <= Inspector.maximumStructure / 16
        else { return [] }
        var cached: Set<UInt64> = []
        let whole = try await structure(at: address, caches.stride * caches.count)
        for index in 0..<caches.count {
            let start = index * caches.stride + caches.offset
            let count = whole.number(AllocatorLayout.Field(offset: start + length.offset, width: length.width))
            for slot in 0..<Int(min(count, UInt64(frames.count))) {
                let place = AllocatorLayout.Field(offset: start + frames.offset + slot * 8, width: 8)
                cached.insert(whole.number(place) >> 12)
            }
        }
        return cached
    }

    /// A structure of the kernel, copied.
    private func structure(at address: UInt64, _ count: Int) async throws(MemoryError) -> KernelStructure {
        guard count > 0, count <= 16 * Inspector.maximumStructure else {
            throw MemoryError(.malformed, "a structure of \(count) bytes is too large")
        }
        return KernelStructure(bytes: try await addressSpace.bytes(at: VirtualAddress(address), count: count))
    }
}

/// The bytes of a structure of the kernel.
private struct KernelStructure {
    var bytes: [UInt8]

    /// A little-endian number; 0 where it does not lie inside.
    func number(_ field: AllocatorLayout.Field) -> UInt64 {
        guard field.offset >= 0, field.width <= 8, field.offset <= bytes.count - field.width else { return 0 }
        return (0..<field.width).reduce(0) { $0 | UInt64(bytes[field.offset + $1]) << UInt64(8 * $1) }
    }
}
