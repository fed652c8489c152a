internal import Glibc
internal import GuestMemory
internal import QMP

/// The fourth rung: QEMU saves a range of memory to a file that both sides see.
///
/// The guest is not stopped for it.
final class SaveMemory: PhysicalMemory {
    /// The most that is saved at once, in bytes.
    private static let pieceBytes: UInt64 = 64 << 20

    let map: RAMMap
    let kind = MemorySourceKind.pmemsave
    private let qmp: QMPClient
    private let timeout: Duration

    private init(map: RAMMap, qmp: QMPClient, timeout: Duration) {
        self.map = map
        self.qmp = qmp
        self.timeout = timeout
    }

    static func open(
        link: GuestLink, map: RAMMap, target: TargetSpecification
    ) async throws(MemoryError) -> (any PhysicalMemory, String) {
        guard let qmp = link.qmp else { throw MemoryError(.unavailable, "it needs a QMP connection: give --qmp") }
        guard qmp.peer != nil else {
            throw MemoryError(.unavailable, "QEMU writes to a file of this machine, and this QMP connection is TCP")
        }
        return (SaveMemory(map: map, qmp: qmp, timeout: max(target.timeout, .seconds(30))), "pmemsave to a memfd")
    }

    func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
            var done: UInt64 = 0
            while done < piece.count {
                let length = min(piece.count &- done, SaveMemory.pieceBytes)
                let start = PhysicalAddress(piece.address.rawValue &+ done)
                let offset = Int(start.rawValue &- address.rawValue)
                try await save(start, UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + Int(length))]))
                done &+= length
            }
        }
    }

    private func save(_ start: PhysicalAddress, _ buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        let spool = try Spool(name: "inspectd-save", byteCount: 0)
        do {
            // QEMU opens the path itself: our descriptor as it is seen from other processes.
            _ = try await qmp.execute(
                SavePhysicalMemory(
                    address: start.rawValue, size: UInt64(buffer.count),
                    path: "/proc/\(getpid())/fd/\(spool.descriptor)"),
                timeout: timeout)
        } catch {
            throw MemoryError(qmp: error, at: start)
        }
        var done = 0
        while done < buffer.count {
            let count = pread(
                spool.descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw MemoryError(
                    .malformed, "QEMU saved \(done) of \(buffer.count) bytes from \(start) on: is its disk full?",
                    at: start)
            }
            done += count
        }
    }
}
