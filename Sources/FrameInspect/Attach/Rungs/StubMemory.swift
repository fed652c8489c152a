internal import GDBRemote
internal import GuestMemory

/// The last rung: memory packets of the GDB remote protocol, in QEMU's physical mode.
final class StubMemory: PhysicalMemory {
    /// The most that is asked for at once, in bytes: between two of these a cancelled read ends.
    private static let pieceBytes: UInt64 = 1 << 20

    let map: RAMMap
    let kind = MemorySourceKind.gdbstub
    private let gdb: GDBClient

    private init(map: RAMMap, gdb: GDBClient) {
        self.map = map
        self.gdb = gdb
    }

    /// Physical memory over a stub that is in physical mode.
    static func over(_ gdb: GDBClient, map: RAMMap) -> any PhysicalMemory { StubMemory(map: map, gdb: gdb) }

    static func open(
        link: GuestLink, map: RAMMap, target: TargetSpecification
    ) async throws(MemoryError) -> (any PhysicalMemory, String) {
        guard target.gdb != nil else { throw MemoryError(.unavailable, "it needs the GDB stub: give --gdb") }
        guard let gdb = link.gdb else {
            throw MemoryError(
                .unavailable, "the stub stops the guest as long as it is held; not connected, because --qmp is there")
        }
        do {
            try await gdb.setPhysicalMode(true)
        } catch {
            throw MemoryError(.unavailable, error.message, cause: error)
        }
        return (StubMemory(map: map, gdb: gdb), "physical memory through the GDB stub")
    }

    func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
            var done: UInt64 = 0
            while done < piece.count {
                let length = min(piece.count &- done, StubMemory.pieceBytes)
                let start = piece.address.rawValue &+ done
                let offset = Int(start &- address.rawValue)
                do {
                    try await gdb.readMemory(
                        at: start,
                        into: UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + Int(length))]))
                } catch {
                    throw MemoryError(gdb: error, at: PhysicalAddress(start))
                }
                done &+= length
            }
        }
    }
}

extension MemoryError {
    /// What a failed request to the stub means for a read.
    init(gdb error: GDBError, at address: PhysicalAddress) {
        switch error.code {
        case .disconnected:
            self.init(
                .guestGone, "the guest ended while its memory was read: \(error.message)", at: address, cause: error)
        case .timeout: self.init(.timeout, error.message, at: address, cause: error)
        default: self.init(.malformed, error.message, at: address, cause: error)
        }
    }
}
