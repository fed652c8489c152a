internal import Glibc
internal import GuestMemory
internal import QMP
internal import Synchronization

/// The third rung: QEMU writes a range of memory as an ELF core into a descriptor that we passed.
///
/// The dump stops the guest for its length and resumes it by itself.
final class DumpMemory: PhysicalMemory {
    /// The most that is dumped at once, in bytes.
    private static let pieceBytes: UInt64 = 64 << 20

    let map: RAMMap
    let kind = MemorySourceKind.dump
    private let qmp: QMPClient
    private let timeout: Duration
    /// Readers at the same time must not take each other's descriptors.
    private let nextName = Atomic<UInt64>(0)

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
            throw MemoryError(.unavailable, "descriptors are passed over a UNIX socket; this QMP connection is TCP")
        }
        if target.consistency == .live, link.wasRunning {
            throw MemoryError(.unavailable, "QEMU stops the guest while it dumps, and --consistency live must not")
        }
        if let process = try? link.qemuProcess(), process.isManagedByLibvirt {
            throw MemoryError(
                .unavailable, "libvirt manages this guest, and its daemon does not survive a dump behind its back")
        }
        return (
            DumpMemory(map: map, qmp: qmp, timeout: max(target.timeout, .seconds(30))), "dump-guest-memory to a memfd"
        )
    }

    func read(at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
            var done: UInt64 = 0
            while done < piece.count {
                let length = min(piece.count &- done, DumpMemory.pieceBytes)
                let start = PhysicalAddress(piece.address.rawValue &+ done)
                let offset = Int(start.rawValue &- address.rawValue)
                try await dump(
                    start, UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + Int(length))]))
                done &+= length
            }
        }
    }

    private func dump(_ start: PhysicalAddress, _ buffer: UnsafeMutableRawBufferPointer) async throws(MemoryError) {
        // QEMU dumps whole pages.
        let first = start.rawValue & ~0xFFF
        let end = (start.rawValue &+ UInt64(buffer.count) &+ 0xFFF) & ~0xFFF
        let spool = try Spool(name: "inspectd-dump", byteCount: 0)
        let name = "inspectd-dump-\(nextName.wrappingAdd(1, ordering: .relaxed).oldValue)"
        do {
            try await qmp.passDescriptor(spool.descriptor, named: name, timeout: timeout)
            _ = try await qmp.execute(
                DumpGuestMemory(to: "fd:\(name)", begin: first, length: end &- first),
                timeout: timeout)
        } catch {
            // Cancelled in between: QEMU would keep the descriptor for ever.
            await Task { [qmp] in _ = try? await qmp.execute(CloseDescriptor(named: name), timeout: .seconds(2)) }.value
            throw MemoryError(qmp: error, at: start)
        }
        let core = try CoreFileMemory(descriptor: spool.duplicate(), name: "the dump of \(start)")
        try await core.read(at: start, into: buffer)
    }
}

extension MemoryError {
    /// What a failed request to the monitor means for a read.
    init(qmp error: QMPError, at address: PhysicalAddress) {
        switch error.code {
        case .disconnected:
            self.init(
                .guestGone, "the guest ended while its memory was read: \(error.message)", at: address, cause: error)
        case .timeout:
            self.init(.timeout, error.message, at: address, cause: error)
        default:
            self.init(.unavailable, error.message, at: address, cause: error)
        }
    }
}
