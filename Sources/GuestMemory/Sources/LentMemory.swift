/// Memory that this process can point into: reads copy, chunks are lent without a copy.
protocol LentMemory: PhysicalMemory {
    /// Where the bytes of a piece lie; the piece is inside the map.
    func pointer(to piece: RAMPiece) throws(MemoryError) -> UnsafeRawPointer
}

extension LentMemory {
    func copy(from address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) throws(MemoryError) {
        var offset = 0
        for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
            let source = UnsafeRawBufferPointer(start: try pointer(to: piece), count: Int(piece.count))
            UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + Int(piece.count))]).copyMemory(
                from: source)
            offset += Int(piece.count)
        }
    }

    func lend(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) throws(MemoryError) {
        for piece in try map.pieces(at: address, count: count) {
            let base = try pointer(to: piece)
            var done: UInt64 = 0
            while done < piece.count {
                let length = min(UInt64(max(chunk, 1)), piece.count &- done)
                let bytes = UnsafeRawBufferPointer(start: base + Int(done), count: Int(length))
                guard try body(PhysicalAddress(piece.address.rawValue &+ done), bytes) else { return }
                done &+= length
            }
        }
    }
}
