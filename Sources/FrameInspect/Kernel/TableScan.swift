internal import GuestMemory

/// Finds a frame table without any symbol: by the shape of its slots and by links that answer each other.
struct TableScan: Sendable {
    let layout: FrameLayout
    let profile: KernelProfile
    let memory: any PhysicalMemory
    /// Is told how far the search is.
    var progress: ReadProgress?

    /// Bytes that every candidate must have for the smallest guest: 1 MiB of RAM described.
    private static let smallestTable: UInt64 = 16 << 10

    /// The table; nil where nothing, or more than one place, looks like one.
    func find() async throws(MemoryError) -> TablePlacement? {
        // Pages are looked at one by one: slots that straddle them are not recognised.
        guard layout.stride % 8 == 0, 4096 % layout.stride == 0, layout.next.isPresent, layout.prev.isPresent else {
            return nil
        }
        var found: [(start: UInt64, slots: UInt64)] = []
        let regions = memory.map.regions.flatMap { (memory as? MappedMemory)?.written(in: $0) ?? [$0] }
        let total = regions.reduce(UInt64(0)) { $0 &+ $1.length }
        var done: UInt64 = 0
        for region in regions {
            defer { done &+= region.length }
            for run in try await runs(in: region, advanced: { progress?(done &+ $0, total) }) {
                guard let start = try await base(of: run) else { continue }
                found.append((start, (run.upperBound &- start) / UInt64(layout.stride)))
            }
        }
        // A copy of the table elsewhere is smaller or has links that do not fit; the largest is the table.
        guard let best = found.max(by: { $0.slots < $1.slots }) else { return nil }
        let frames = memory.map.end.rawValue / FrameNumber.frameSize
        let slots = min(best.slots, frames >= layout.indexBase ? frames &- layout.indexBase : 0)
        guard slots > 0 else { return nil }
        return try TablePlacement(
            base: nil, slotCount: slots, stride: layout.stride,
            runs: [
                TablePlacement.Run(
                    offset: 0, address: PhysicalAddress(best.start), count: slots &* UInt64(layout.stride))
            ])
    }

    /// Stretches of pages full of what could be slots; `advanced` is told the bytes looked at.
    private func runs(
        in region: RAMRegion, advanced: (UInt64) -> Void
    ) async throws(MemoryError) -> [Range<UInt64>] {
        let shape = SlotShape(layout: layout, end: memory.map.end.rawValue)
        let first = (region.start.rawValue &+ 4095) & ~4095
        guard region.end.rawValue > first else { return [] }
        var result: [Range<UInt64>] = []
        var start: UInt64?
        var end = first
        let pageSlots = max(1, 4096 / layout.stride)
        func close(at address: UInt64) {
            if let begin = start, address &- begin >= TableScan.smallestTable { result.append(begin..<address) }
            start = nil
        }
        try await memory.forEachChunk(
            at: PhysicalAddress(first), count: (region.end.rawValue &- first) & ~4095, chunk: 1 << 20
        ) { (address, bytes) throws(MemoryError) in
            if Task.isCancelled { throw MemoryError(.unavailable, "interrupted") }
            guard let base = bytes.baseAddress else { return true }
            advanced(address.rawValue &- region.start.rawValue &+ UInt64(bytes.count))
            var offset = 0
            while offset + 4096 <= bytes.count {
                let position = address.rawValue &+ UInt64(offset)
                let good = shape.countOfSlots(base + offset, limit: pageSlots)
                if good == pageSlots {
                    if start == nil { start = position }
                    end = position &+ 4096
                } else if start != nil {
                    // The table may end within this page.
                    close(at: position &+ UInt64(good * layout.stride))
                }
                offset += 4096
            }
            return true
        }
        close(at: end)
        return result
    }

    /// Where in a stretch slot 0 is, so that the links of its slots answer each other.
    private func base(of run: Range<UInt64>) async throws(MemoryError) -> UInt64? {
        let stride = UInt64(layout.stride)
        // Links between blocks, as (position of the slot, target); a few thousand decide.
        var links: [(slot: UInt64, target: UInt64)] = []
        try await memory.forEachChunk(
            at: PhysicalAddress(run.lowerBound), count: (run.upperBound &- run.lowerBound) / stride * stride,
            chunk: (1 << 20) / layout.stride * layout.stride
        ) { (address, bytes) throws(MemoryError) in
            guard let base = bytes.baseAddress else { return true }
            var offset = 0
            while offset + layout.stride <= bytes.count, links.count < 4096 {
                let next = layout.next.load(base + offset)
                if next != layout.linkNone { links.append((address.rawValue &+ UInt64(offset), next)) }
                offset += layout.stride
            }
            return links.count < 4096
        }
        guard links.count >= 2 else { return nil }
        // The stretch may begin before the table where something that looks like slots lies in front of it.
        var votes: [UInt64: Int] = [:]
        for page in 0..<min(1024, (run.upperBound &- run.lowerBound) / 4096) {
            let start = run.lowerBound &+ page &* 4096
            let sample = links.prefix(64)
            var good = 0
            for link in sample where link.slot >= start {
                if try await answers(link, start: start, end: run.upperBound) { good += 1 }
            }
            if good > 0 { votes[start] = good }
            if good >= min(32, sample.count) { break }
        }
        guard let best = votes.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            best.value * 2 >= min(64, links.count)
        else { return nil }
        return best.key
    }

    /// Whether the block that a link leads to points back.
    private func answers(
        _ link: (slot: UInt64, target: UInt64), start: UInt64, end: UInt64
    ) async throws(MemoryError) -> Bool {
        let stride = UInt64(layout.stride)
        guard let index = layout.index(of: FrameNumber(containing: PhysicalAddress(link.target))) else { return false }
        let (offset, overflow) = index.multipliedReportingOverflow(by: stride)
        guard !overflow, offset < end &- start, end &- start &- offset >= stride else { return false }
        let bytes = try await memory.bytes(at: PhysicalAddress(start &+ offset), count: layout.stride)
        guard let slot = layout.decode(bytes) else { return false }
        let own = layout.frame(at: (link.slot &- start) / stride).address.rawValue
        return slot.freeLink.prev == own
    }
}
