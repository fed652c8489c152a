internal import Synchronization

/// Memory that this process makes up: for tests, and for what is built before it is read.
///
/// Pages come into being when something is stored; the rest of RAM reads as zeros, as untouched RAM does.
public final class BufferMemory: PhysicalMemory {
    /// What is RAM.
    public let map: RAMMap
    /// The rung: ``MemorySourceKind/buffer``.
    public let kind = MemorySourceKind.buffer
    private let pages = Mutex<[UInt64: [UInt8]]>([:])

    /// RAM full of zeros.
    public init(map: RAMMap) { self.map = map }

    /// Puts bytes at an address.
    ///
    /// - Throws: ``MemoryError`` with code `.notRAM`.
    public func store(_ bytes: [UInt8], at address: PhysicalAddress) throws(MemoryError) {
        _ = try map.pieces(at: address, count: UInt64(bytes.count))
        pages.withLock { pages in
            for (index, byte) in bytes.enumerated() {
                let position = address.rawValue &+ UInt64(index)
                pages[position >> 12, default: [UInt8](repeating: 0, count: 4096)][Int(position & 4095)] = byte
            }
        }
    }

    /// Puts a little-endian number of 8 bytes at an address.
    ///
    /// - Throws: ``MemoryError`` with code `.notRAM`.
    public func storeWord(_ word: UInt64, at address: PhysicalAddress) throws(MemoryError) {
        try store((0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) }, at: address)
    }

    /// Copies bytes.
    public func read(
        at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer
    ) async throws(MemoryError) {
        _ = try map.pieces(at: address, count: UInt64(buffer.count))
        // The lock's body is not isolated: only addresses go in.
        nonisolated(unsafe) let buffer = buffer
        pages.withLock { pages in
            var offset = 0
            while offset < buffer.count {
                let position = address.rawValue &+ UInt64(offset)
                let start = Int(position & 4095)
                let length = min(4096 - start, buffer.count - offset)
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + length)])
                if let page = pages[position >> 12] {
                    page.withUnsafeBytes {
                        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<(start + length)]))
                    }
                } else {
                    target.initializeMemory(as: UInt8.self, repeating: 0)
                }
                offset += length
            }
        }
    }
}
