internal import CGuestMemory
internal import Glibc

/// A piece of guest memory in a file that QEMU shares.
public struct HostMapping: Sendable {
    /// Physical address of its first byte.
    public var start: PhysicalAddress
    /// Length in bytes.
    public var length: UInt64
    /// The file, open for reading; the memory that is made of it closes it.
    public var descriptor: CInt
    /// Where in the file the piece begins.
    public var fileOffset: UInt64

    /// A piece of a file.
    public init(start: PhysicalAddress, length: UInt64, descriptor: CInt, fileOffset: UInt64) {
        self.start = start
        self.length = length
        self.descriptor = descriptor
        self.fileOffset = fileOffset
    }
}

/// The guest's shared memory backend, mapped into this process: nothing is faster.
///
/// Chunks are lent without a copy: the caller stops the guest, or may see bytes that change under its eyes.
public final class MappedMemory: PhysicalMemory, LentMemory {
    private struct Piece: Sendable {
        var start: UInt64
        var end: UInt64
        var file: MappedFile
    }

    /// What is RAM, as far as it is mapped.
    public let map: RAMMap
    /// The rung: ``MemorySourceKind/mapped``.
    public let kind = MemorySourceKind.mapped
    private let pieces: [Piece]

    /// Maps the files; every region of the map must lie in them.
    ///
    /// - Throws: ``MemoryError`` when a file is too short or cannot be mapped, or a region has no file.
    public init(map: RAMMap, mappings: [HostMapping]) throws(MemoryError) {
        var pieces: [Piece] = []
        var failure: MemoryError?
        for mapping in mappings {
            // All descriptors are ours now: those behind a failure are closed as well.
            if failure != nil {
                close(mapping.descriptor)
                continue
            }
            do {
                let file = try MappedFile(
                    descriptor: mapping.descriptor, offset: mapping.fileOffset, count: mapping.length,
                    name: "the guest's memory at \(mapping.start)")
                pieces.append(
                    Piece(
                        start: mapping.start.rawValue, end: mapping.start.rawValue &+ mapping.length, file: file))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        pieces.sort { $0.start < $1.start }
        // Regions are cut where files meet, so that each piece of a read lies in one file.
        var regions: [RAMRegion] = []
        for region in map.regions {
            var position = region.start.rawValue
            while position < region.end.rawValue {
                guard let piece = pieces.first(where: { $0.start <= position && position < $0.end }) else {
                    throw MemoryError(
                        .unavailable, "no file holds the guest's memory at 0x\(String(position, radix: 16))",
                        at: PhysicalAddress(position))
                }
                let end = min(piece.end, region.end.rawValue)
                let part = RAMRegion(
                    start: PhysicalAddress(position), length: end &- position, block: region.block,
                    blockOffset: region.blockOffset &+ (position &- region.start.rawValue),
                    isReadOnly: region.isReadOnly)
                if let part { regions.append(part) }
                position = end
            }
        }
        self.map = RAMMap(regions)
        self.pieces = pieces
    }

    /// Copies bytes.
    public func read(
        at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer
    ) async throws(MemoryError) {
        try copy(from: address, into: buffer)
    }

    /// Lends the mapping.
    public func forEachChunk(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) async throws(MemoryError) {
        try lend(at: address, count: count, chunk: chunk, body)
    }

    /// Brings the pages of a range into this process, so that a later read does not stop for each; a hint, never an error.
    public func prefault(at address: PhysicalAddress, count: UInt64) {
        for piece in (try? map.pieces(at: address, count: count)) ?? [] {
            guard let base = try? pointer(to: piece) else { continue }
            let slack = Int(bitPattern: base) & 4095
            _ = fi_populate_read(base - slack, Int(piece.count) + slack)
        }
    }

    /// The parts of a region that the guest or QEMU ever wrote; the rest reads as zeros, and touching it would allocate it.
    public func written(in region: RAMRegion) -> [RAMRegion] {
        var result: [RAMRegion] = []
        for piece in (try? map.pieces(at: region.start, count: region.length)) ?? [] {
            let address = piece.address.rawValue
            guard let place = pieces.first(where: { $0.start <= address && address < $0.end }) else { continue }
            let start = Int(address &- place.start)
            for part in place.file.written(from: start, count: Int(piece.count)) {
                let first = PhysicalAddress(place.start &+ UInt64(part.lowerBound))
                if let region = RAMRegion(start: first, length: UInt64(part.count), block: region.block) {
                    result.append(region)
                }
            }
        }
        return result
    }

    func pointer(to piece: RAMPiece) throws(MemoryError) -> UnsafeRawPointer {
        let address = piece.address.rawValue
        var low = 0
        var high = pieces.count
        while low < high {
            let middle = (low + high) / 2
            if pieces[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < pieces.count, pieces[low].start <= address, piece.count <= pieces[low].end &- address else {
            throw .notRAM(at: piece.address, count: piece.count, map: map)
        }
        return pieces[low].file.base + Int(address &- pieces[low].start)
    }
}
