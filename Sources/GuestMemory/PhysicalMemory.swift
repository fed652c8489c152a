/// A source of the guest's physical memory: one required way to read; the rest is built on it.
///
/// Reads are exact: all bytes come from RAM or an error is thrown. A source never yields zeros for what it could not read.
public protocol PhysicalMemory: Sendable {
    /// What is RAM; a read outside throws `.notRAM`.
    var map: RAMMap { get }

    /// Which rung of the ladder this is.
    var kind: MemorySourceKind { get }

    /// Fills `buffer` with the bytes from `address` on; a buffer of no bytes is no read.
    func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError)

    /// Hands the bytes of a range to `body` in ascending pieces, each valid during its call only.
    ///
    /// The pieces are at most `chunk` bytes long and never empty; together they are the range without gap. A range that is not
    /// wholly RAM is refused before the first piece.
    /// Sources that can lend their memory do so without a copy: the caller makes sure that the guest is paused,
    /// or that it may see bytes that change under its eyes. `body` returns false to end early.
    func forEachChunk(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) async throws(MemoryError)
}

/// The rungs of the ladder, best first.
public enum MemorySourceKind: String, Sendable, Codable, CaseIterable {
    /// The guest's shared memory backend, mapped into this process.
    case mapped
    /// `process_vm_readv` from QEMU's process.
    case process
    /// `dump-guest-memory` to a passed descriptor.
    case dump
    /// QMP `pmemsave` to a file.
    case pmemsave
    /// `m` packets of the GDB remote protocol.
    case gdbstub
    /// An ELF core of `dump-guest-memory`.
    case core
    /// Bytes held by this process: tests and snapshots.
    case buffer
}

extension PhysicalMemory {
    /// Reads through one reused buffer of at most `chunk` bytes.
    public func forEachChunk(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) async throws(MemoryError) {
        guard count > 0 else { return }
        // A range that leaves RAM is refused whole: no piece of it is handed out.
        _ = try map.pieces(at: address, count: count)
        let size = Int(min(UInt64(max(chunk, 1)), count))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
        defer { buffer.deallocate() }
        var position = address
        var remaining = count
        while remaining > 0 {
            let length = Int(min(UInt64(size), remaining))
            try await read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: buffer[0..<length]))
            guard try body(position, UnsafeRawBufferPointer(rebasing: buffer[0..<length])) else { return }
            remaining &-= UInt64(length)
            guard remaining > 0 else { return }
            guard let next = position.advanced(by: UInt64(length)) else {
                throw .notRAM(at: position, count: remaining, map: map)
            }
            position = next
        }
    }

    /// The bytes from `address` on; `count` is bounded by what the map holds before anything is allocated.
    public func bytes(at address: PhysicalAddress, count: Int) async throws(MemoryError) -> [UInt8] {
        guard count > 0 else { return [] }
        _ = try map.pieces(at: address, count: UInt64(count))
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        try await read(at: address, into: buffer)
        return [UInt8](buffer)
    }

    /// A little-endian number of 8 bytes.
    public func word(at address: PhysicalAddress) async throws(MemoryError) -> UInt64 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
        defer { buffer.deallocate() }
        try await read(at: address, into: buffer)
        return UInt64(littleEndian: buffer.load(as: UInt64.self))
    }
}
