internal import Glibc
internal import GuestMemory
internal import NIOCore

/// A file in memory that holds a copy of pieces of the frame table.
///
/// Its pages are there before the guest is stopped, so that the pause is one copy. They are shared pages: the private memory
/// of this process does not grow with the guest.
final class TableCopy: @unchecked Sendable {
    private let spool: Spool
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private let runs: [TablePlacement.Run]
    private let places: [(start: UInt64, end: UInt64, offset: Int)]

    init(runs: [TablePlacement.Run]) throws(MemoryError) {
        let total = runs.reduce(UInt64(0)) { $0 &+ $1.count }
        guard let byteCount = Int(exactly: total), byteCount > 0 else {
            throw MemoryError(.malformed, "\(total) bytes of frame table cannot be copied")
        }
        self.runs = runs
        places = TableCopy.places(runs)
        self.byteCount = byteCount
        spool = try Spool(name: "inspectd-table", byteCount: byteCount)
        let mapping = mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | 0x8000 /* MAP_POPULATE */, spool.descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else {
            throw MemoryError(
                .system, "the copy of the frame table could not be mapped: \(String(cString: strerror(errno)))")
        }
        base = mapping
    }

    deinit { munmap(base, byteCount) }

    /// Copies the pieces from the guest.
    func fill(from memory: any PhysicalMemory, _ progress: ProgressTally) async throws(MemoryError) {
        // In pieces, so that Ctrl-C does not wait for the whole table and several tasks can share the work; small ones where
        // a piece takes long.
        let pieceBytes: UInt64 = memory.kind == .gdbstub ? 1 << 20 : 32 << 20
        var pieces: [(address: UInt64, offset: Int, count: Int)] = []
        var offset = 0
        for run in runs {
            var done: UInt64 = 0
            while done < run.count {
                let length = min(run.count &- done, pieceBytes)
                pieces.append((run.address.rawValue &+ done, offset, Int(length)))
                offset += Int(length)
                done &+= length
            }
        }
        let tasks = memory.kind.readsInParallel ? min(pieces.count, System.coreCount) : 1
        let failure = await withTaskGroup(of: MemoryError?.self) { [pieces] group in
            for task in 0..<tasks {
                group.addTask {
                    do throws(MemoryError) {
                        for piece in pieces[(pieces.count * task / tasks)..<(pieces.count * (task + 1) / tasks)] {
                            if Task.isCancelled { throw MemoryError(.unavailable, "interrupted") }
                            try await memory.read(
                                at: PhysicalAddress(piece.address),
                                into: UnsafeMutableRawBufferPointer(start: self.base + piece.offset, count: piece.count)
                            )
                            progress.advance(by: UInt64(piece.count))
                        }
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var failure: MemoryError?
            for await result in group { failure = failure ?? result }
            return failure
        }
        if let failure { throw failure }
    }

    /// Indices of the slots whose bytes are others now than when they were copied, up to the limit.
    func differences(
        from reader: FrameTableReader, in slots: Range<UInt64>, _ progress: ProgressTally
    ) async throws(MemoryError) -> [UInt64] {
        var moved: [UInt64] = []
        let stride = reader.layout.stride
        let first = slots.lowerBound
        try await reader.forEachBatch(in: slots) { (batch) throws(MemoryError) in
            let copied = base + Int(batch.firstIndex &- first) * stride
            progress.advance(by: UInt64(batch.count * stride))
            if Task.isCancelled { throw MemoryError(.unavailable, "interrupted") }
            guard memcmp(copied, batch.base, batch.count * stride) != 0 else { return true }
            for index in 0..<batch.count where moved.count < Inspector.movedLimit {
                if memcmp(copied + index * stride, batch.base + index * stride, stride) != 0 {
                    moved.append(batch.firstIndex &+ UInt64(index))
                }
            }
            return true
        }
        return moved
    }

    /// Lends the slots, which lie one after the other.
    @inline(__always)
    func withSlots<Result>(_ body: (UnsafeRawPointer) -> Result) -> Result { body(UnsafeRawPointer(base)) }

    /// The copy as a source of memory, at the addresses that it was copied from.
    func memory(kind: MemorySourceKind) throws(MemoryError) -> any PhysicalMemory {
        CopiedMemory(copy: self, kind: kind)
    }

    /// Reads of the copy; what was not copied is not RAM here.
    private struct CopiedMemory: PhysicalMemory {
        let copy: TableCopy
        let kind: MemorySourceKind
        let map: RAMMap

        init(copy: TableCopy, kind: MemorySourceKind) {
            self.copy = copy
            self.kind = kind
            map = RAMMap(
                copy.places.compactMap { RAMRegion(start: PhysicalAddress($0.start), length: $0.end &- $0.start) })
        }

        func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
            var offset = 0
            for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
                guard let source = copy.pointer(to: piece.address, count: piece.count) else {
                    throw .notRAM(at: piece.address, count: piece.count, map: map)
                }
                UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + Int(piece.count))])
                    .copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(piece.count)))
                offset += Int(piece.count)
            }
        }

        func forEachChunk(
            at address: PhysicalAddress, count: UInt64, chunk: Int,
            _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
        ) async throws(MemoryError) {
            for piece in try map.pieces(at: address, count: count) {
                var done: UInt64 = 0
                while done < piece.count {
                    let length = min(UInt64(max(chunk, 1)), piece.count &- done)
                    let start = PhysicalAddress(piece.address.rawValue &+ done)
                    guard let source = copy.pointer(to: start, count: length) else {
                        throw .notRAM(at: start, count: length, map: map)
                    }
                    guard try body(start, UnsafeRawBufferPointer(start: source, count: Int(length))) else { return }
                    done &+= length
                }
            }
        }
    }

    /// Where bytes of the guest lie in the copy; nil where they were not copied in one piece.
    ///
    /// A page that holds several parts of the table was copied several times: any copy that has all the bytes will do.
    private func pointer(to address: PhysicalAddress, count: UInt64) -> UnsafeRawPointer? {
        var low = 0
        var high = places.count
        while low < high {
            let middle = (low + high) / 2
            if places[middle].end <= address.rawValue { low = middle + 1 } else { high = middle }
        }
        guard low < places.count, places[low].start <= address.rawValue,
            count <= places[low].end &- address.rawValue
        else { return nil }
        return UnsafeRawPointer(base + places[low].offset + Int(address.rawValue &- places[low].start))
    }

    /// Where each region of RAM that was copied lies in the copy, by ascending address.
    private static func places(_ runs: [TablePlacement.Run]) -> [(start: UInt64, end: UInt64, offset: Int)] {
        var offset = 0
        var all: [(start: UInt64, end: UInt64, offset: Int)] = []
        for run in runs {
            all.append((run.address.rawValue, run.address.rawValue &+ run.count, offset))
            offset += Int(run.count)
        }
        all.sort { ($0.start, $1.end) < ($1.start, $0.end) }
        var result: [(start: UInt64, end: UInt64, offset: Int)] = []
        for place in all {
            guard let last = result.last, last.end > place.start else {
                result.append(place)
                continue
            }
            guard place.end > last.end else { continue }
            result.append((last.end, place.end, place.offset + Int(last.end &- place.start)))
        }
        return result
    }
}
