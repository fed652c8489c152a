internal import GuestMemory

/// What the allocator's own structures say: its zones, and where free frames are kept.
public struct AllocatorBooks: Hashable, Sendable {
    /// The zones.
    public var zones: ZoneMap
    /// The first blocks of the free lists, and the frames in per-CPU caches.
    public var books: FreeFrameSets
    /// Every free list, the empty ones as well.
    public var lists: [FreeListHead] = []
    /// What the allocator counts, zone by zone.
    public var accounts: [ZoneAccount] = []
    /// How far zones and lists could be read.
    public var status: ReadingStatus
    /// How far the per-CPU caches could be read.
    public var cacheStatus: ReadingStatus

    /// Nothing is known.
    public static func unknown(_ reason: String) -> AllocatorBooks {
        AllocatorBooks(
            zones: .empty, books: FreeFrameSets(), status: .notKnown(reason), cacheStatus: .notKnown(reason))
    }
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
        do {
            return try await readBooks(PageReader(space: addressSpace))
        } catch {
            guard Inspector.isLocal(error) else { throw InspectorError(error) }
            return .unknown(error.message)
        }
    }

    /// Reads them through a reader that has pages already.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone.
    func readBooks(_ reader: PageReader) async throws(MemoryError) -> AllocatorBooks {
        guard let profile = target.profile.zones else { return .unknown("the profile does not describe zones") }
        guard let allocator = facts.allocator else {
            return .unknown(facts.missingLayouts["zones"] ?? "the allocator's layout is not known")
        }
        guard let address = anchors[profile.allocator] else {
            return .unknown(facts.missingAnchors[profile.allocator] ?? "the allocator's address is not known")
        }
        var result = AllocatorBooks(
            zones: .empty, books: FreeFrameSets(), status: .complete,
            cacheStatus: .notKnown("the profile does not describe per-CPU caches, or the image has none"))
        do {
            result.status =
                try await CollectionReader(reader: reader).check(allocator.guards, at: address, name: "the allocator")
                ?? .complete
            if result.status.mayBeRead {
                try await readZones(allocator, names: profile.names, at: address, reader, into: &result)
            }
        } catch {
            guard error.isOfTheGuest else { throw error }
            result.status = .damaged("the allocator: \(error.message)", elementsRead: result.lists.count)
        }
        guard let name = target.profile.frameCaches?.anchor, allocator.caches != nil else { return result }
        guard let caches = anchors[name] else {
            result.cacheStatus = .notKnown(facts.missingAnchors[name] ?? "the caches' address is not known")
            return result
        }
        do {
            try await readCaches(allocator, at: caches, reader, into: &result)
        } catch {
            guard error.isOfTheGuest else { throw error }
            result.cacheStatus = .damaged(
                "the per-CPU caches: \(error.message)", elementsRead: result.books.cached.count)
        }
        return result
    }

    private func readZones(
        _ allocator: AllocatorLayout, names: [String], at address: UInt64, _ reader: PageReader,
        into result: inout AllocatorBooks
    ) async throws(MemoryError) {
        let list = allocator.zones
        guard (1...Inspector.maximumZones).contains(list.count), (1...Inspector.maximumStructure).contains(list.stride),
            (1...Inspector.maximumStructure).contains(allocator.segmentStride)
        else {
            result.status = .notKnown("the layout of the allocator's zones makes no sense")
            return
        }
        var parts: [ZoneMap.Part] = []
        for index in 0..<list.count {
            let zone = try await structure(
                at: address &+ UInt64(list.offset + index * list.stride), list.stride, reader)
            let kind = zone.number(allocator.zoneKind)
            let segmentCount = zone.number(allocator.segmentCount)
            guard kind < UInt64(names.count), segmentCount <= Inspector.maximumSegments else {
                result.status = .damaged(
                    "zone \(index) would be of kind \(kind) and have \(segmentCount) segments",
                    elementsRead: result.lists.count)
                continue
            }
            var account = ZoneAccount(
                zone: Int(kind), segmentPages: 0, presentPages: allocator.zonePresent.map { zone.number($0) },
                allocatedPages: allocator.zoneAllocated.map { zone.number($0) })
            let start = zone.number(allocator.segments)
            for number in 0..<segmentCount {
                let place = start &+ number &* UInt64(allocator.segmentStride)
                let segment = try await structure(at: place, allocator.segmentStride, reader)
                let first = segment.number(allocator.segmentBase) >> 12
                let pages = segment.number(allocator.segmentPages)
                let (end, overflow) = first.addingReportingOverflow(pages)
                guard !overflow, end <= 1 << 52 else {
                    result.status = .damaged(
                        "segment \(number) of zone \(index) would have \(pages) pages",
                        elementsRead: result.lists.count)
                    continue
                }
                parts.append(ZoneMap.Part(zone: Int(kind), start: first, end: end))
                account.segmentPages &+= pages
                readLists(
                    of: segment, at: place, allocator, zone: Int(kind), segment: Int(number), frames: first..<end,
                    into: &result)
            }
            result.accounts.append(account)
        }
        result.zones = ZoneMap(names: names, parts: parts)
    }

    private func readLists(
        of segment: KernelStructure, at place: UInt64, _ allocator: AllocatorLayout, zone: Int, segment number: Int,
        frames: Range<UInt64>, into result: inout AllocatorBooks
    ) {
        let orders = max(1, min(allocator.orders, allocator.freeLists.count))
        for slot in 0..<min(allocator.freeLists.count, 1024) {
            let offset = allocator.freeLists.offset + slot * 8
            let head = segment.number(AllocatorLayout.Field(offset: offset, width: 8))
            let count = allocator.freeBlocks.map {
                segment.number(AllocatorLayout.Field(offset: $0.offset + slot * $0.stride, width: $0.stride))
            }
            // 0 is an empty list.
            if head != 0, head & 0xFFF == 0 { result.books.listHeads.insert(head >> 12) }
            result.lists.append(
                FreeListHead(
                    zone: zone, segment: number, migrateType: slot / orders, order: slot % orders,
                    first: PhysicalAddress(head), blockCount: count, frames: frames,
                    address: VirtualAddress(place &+ UInt64(bitPattern: Int64(offset)))))
        }
    }

    private func readCaches(
        _ allocator: AllocatorLayout, at address: UInt64, _ reader: PageReader, into result: inout AllocatorBooks
    ) async throws(MemoryError) {
        guard let caches = allocator.caches, let length = allocator.cacheLength, let frames = allocator.cacheFrames,
            (1...Inspector.maximumCaches).contains(caches.count),
            (1...Inspector.maximumStructure / 16).contains(caches.stride)
        else {
            result.cacheStatus = .notKnown("the layout of the per-CPU caches makes no sense")
            return
        }
        result.cacheStatus = .complete
        for index in 0..<caches.count {
            let element = address &+ UInt64(index * caches.stride)
            let whole = try await structure(at: element, caches.stride, reader)
            for word in allocator.cacheGuards where !word.accepts(whole.number(word.field)) {
                result.cacheStatus = .midChange("the per-CPU cache \(index) is locked")
            }
            let count = whole.number(
                AllocatorLayout.Field(offset: caches.offset + length.offset, width: length.width))
            guard count <= UInt64(frames.count) else {
                result.cacheStatus = .damaged(
                    "the per-CPU cache \(index) would have \(count) frames; there is room for \(frames.count)",
                    elementsRead: result.books.cached.count)
                continue
            }
            for slot in 0..<Int(count) {
                let place = AllocatorLayout.Field(offset: caches.offset + frames.offset + slot * 8, width: 8)
                result.books.cached.insert(whole.number(place) >> 12)
            }
        }
    }

    /// A structure of the kernel, copied.
    private func structure(
        at address: UInt64, _ count: Int, _ reader: PageReader
    ) async throws(MemoryError) -> KernelStructure {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: max(count, 1), alignment: 16)
        defer { bytes.deallocate() }
        guard let base = bytes.baseAddress else { return KernelStructure(bytes: []) }
        try await reader.copy(address, count, to: base)
        return KernelStructure(bytes: [UInt8](bytes.prefix(count)))
    }
}

/// The bytes of a structure of the kernel.
private struct KernelStructure {
    var bytes: [UInt8]

    /// A little-endian number; 0 where it does not lie inside.
    func number(_ field: AllocatorLayout.Field) -> UInt64 {
        guard field.fits(bytes.count) else { return 0 }
        return bytes.withUnsafeBytes { $0.baseAddress?.number(field) ?? 0 }
    }
}
