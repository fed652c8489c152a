import FrameInspect
import GuestMemory

/// Physical memory made of single pages, handed out in pieces of the given sizes, over and over.
struct PagedMemory: PhysicalMemory {
    let map: RAMMap
    let kind = MemorySourceKind.buffer
    /// Bytes by page number.
    let pages: [UInt64: [UInt8]]
    /// Lengths of the pieces that are handed out; each is at least 1.
    var pieces: [Int] = [4096]
    /// The first address whose read fails.
    var failure: PhysicalAddress?
    /// Whether every hand-out ends after its first piece, against the rules.
    var isShort = false

    init(pages: [UInt64: [UInt8]], pieces: [Int] = [4096]) {
        self.pages = pages
        self.pieces = pieces
        map = RAMMap(pages.keys.compactMap { RAMRegion(start: PhysicalAddress($0 << 12), length: 4096) })
    }

    /// Lays `table` out over the given pages, in their order; returns the table's pieces as well.
    static func holding(_ table: [UInt8], pages numbers: [UInt64]) -> (PagedMemory, [TablePlacement.Run]) {
        var pages: [UInt64: [UInt8]] = [:]
        var runs: [TablePlacement.Run] = []
        for (index, number) in numbers.enumerated() {
            let start = index * 4096
            guard start < table.count else { break }
            let bytes = Array(table[start..<min(start + 4096, table.count)])
            pages[number] = bytes + [UInt8](repeating: 0xEE, count: 4096 - bytes.count)
            runs.append(
                TablePlacement.Run(offset: UInt64(start), address: PhysicalAddress(number << 12), count: 4096))
        }
        return (PagedMemory(pages: pages), runs)
    }

    func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        for offset in buffer.indices { buffer[offset] = try byte(address.rawValue + UInt64(offset)) }
    }

    func forEachChunk(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) async throws(MemoryError) {
        var position = address.rawValue
        let end = position + count
        var turn = 0
        while position < end {
            let length = min(pieces[turn % pieces.count], chunk, Int(end - position))
            turn += 1
            // A buffer of its own for each piece: whoever keeps a pointer reads freed memory.
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
            defer { buffer.deallocate() }
            try await read(at: PhysicalAddress(position), into: buffer)
            guard try body(PhysicalAddress(position), UnsafeRawBufferPointer(buffer)), !isShort else { return }
            position += UInt64(length)
        }
    }

    private func byte(_ address: UInt64) throws(MemoryError) -> UInt8 {
        if let failure, address >= failure.rawValue { throw MemoryError(.guestGone, "gone", at: failure) }
        guard let page = pages[address >> 12] else { throw .notRAM(at: PhysicalAddress(address), count: 1, map: map) }
        return page[Int(address & 4095)]
    }
}
