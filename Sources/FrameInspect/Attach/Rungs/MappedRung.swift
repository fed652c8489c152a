internal import Glibc
internal import GuestMemory

/// The best rung: the guest's shared memory backend, mapped into this process.
enum MappedRung {
    static func open(link: GuestLink, map: RAMMap) async throws(MemoryError) -> (any PhysicalMemory, String) {
        let process = try link.qemuProcess()
        let layout = try await HostLayout.read(map: map, link: link)
        let maps = try ProcessMaps.read(of: process)
        var mappings: [HostMapping] = []
        var regions: [RAMRegion] = []
        var refusal = "QEMU names no host address for the guest's RAM"
        var names: Set<String> = []
        for place in layout.places {
            do {
                let entries = try shared(place, maps)
                for (entry, offset, length) in entries {
                    let descriptor = try entry.open(of: process)
                    let start = PhysicalAddress(place.region.start.rawValue &+ offset)
                    mappings.append(
                        HostMapping(
                            start: start, length: length, descriptor: descriptor,
                            fileOffset: entry.offset &+ (place.address &+ offset &- entry.start)))
                    // The kernel marks a memfd as deleted, since it has no name in any directory.
                    let mark = " (deleted)"
                    let isMemfd = entry.path.hasPrefix("/memfd:") && entry.path.hasSuffix(mark)
                    names.insert(isMemfd ? String(entry.path.dropLast(mark.count)) : entry.path)
                }
                regions.append(place.region)
            } catch {
                // The largest region decides what is said.
                if place.region.length >= map.totalBytes / 4 || mappings.isEmpty { refusal = error.message }
            }
        }
        let readable = RAMMap(regions)
        guard readable.totalBytes >= map.totalBytes / 2 else {
            throw MemoryError(.unavailable, refusal)
        }
        let memory = try MappedMemory(map: readable, mappings: mappings)
        return (memory, "\(names.sorted().joined(separator: ", ")) of process \(process.pid)")
    }

    /// The shared mappings that hold a region, each with its offset in the region and its length there.
    private static func shared(
        _ place: HostLayout.Place, _ maps: ProcessMaps
    ) throws(MemoryError) -> [(ProcessMaps.Entry, UInt64, UInt64)] {
        var result: [(ProcessMaps.Entry, UInt64, UInt64)] = []
        var offset: UInt64 = 0
        while offset < place.region.length {
            let address = place.address &+ offset
            guard let entry = maps.entry(containing: address) else {
                throw MemoryError(
                    .unavailable, "QEMU's host address 0x\(String(address, radix: 16)) is not mapped in its process")
            }
            guard entry.isShared else {
                throw MemoryError(
                    .unavailable,
                    "the guest's RAM (\(place.region.block)) is private to QEMU; start it with "
                        + "-object memory-backend-memfd,id=ram,size=…,share=on -machine memory-backend=ram to map it")
            }
            let length = min(entry.end &- address, place.region.length &- offset)
            result.append((entry, offset, length))
            offset &+= length
        }
        return result
    }
}

extension HostLayout {
    /// The layout; what QEMU refused to tell is an ``MemoryError`` here, since it only rules out a rung.
    static func read(map: RAMMap, link: GuestLink) async throws(MemoryError) -> HostLayout {
        do {
            return try await HostLayout(map: map, link: link)
        } catch {
            throw MemoryError(.unavailable, error.message, cause: error)
        }
    }
}
