internal import CGuestMemory
internal import Glibc

/// Where a range of guest memory lies in QEMU's own address space.
public struct HostRange: Hashable, Sendable {
    /// Physical address of its first byte.
    public var start: PhysicalAddress
    /// Length in bytes.
    public var length: UInt64
    /// Address in QEMU's process.
    public var address: UInt64

    /// A range.
    public init(start: PhysicalAddress, length: UInt64, address: UInt64) {
        self.start = start
        self.length = length
        self.address = address
    }
}

/// Guest memory out of QEMU's process, by the system call that debuggers use.
public final class ProcessMemory: PhysicalMemory {
    /// The most that one system call reads, in bytes.
    private static let pieceBytes: UInt64 = 1 << 20

    /// What is RAM.
    public let map: RAMMap
    /// The rung: ``MemorySourceKind/process``.
    public let kind = MemorySourceKind.process
    private let process: HostProcess
    private let hosts: [HostRange]

    /// A source that reads from `process`.
    public init(process: HostProcess, map: RAMMap, hosts: [HostRange]) throws(MemoryError) {
        self.process = process
        self.map = map
        self.hosts = hosts.sorted { $0.start < $1.start }
    }

    /// Reads in pieces of 1 MiB; a cancelled task ends between two.
    public func read(
        at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer
    ) async throws(MemoryError) {
        for piece in try map.pieces(at: address, count: UInt64(buffer.count)) {
            var done: UInt64 = 0
            while done < piece.count {
                if Task.isCancelled { throw MemoryError(.unavailable, "interrupted", at: piece.address) }
                let start = PhysicalAddress(piece.address.rawValue &+ done)
                guard let host = host(of: start) else { throw .notRAM(at: start, count: piece.count &- done, map: map) }
                let distance = start.rawValue &- host.start.rawValue
                let length = min(piece.count &- done, host.length &- distance, ProcessMemory.pieceBytes)
                let offset = Int(start.rawValue &- address.rawValue)
                guard let target = buffer.baseAddress else { return }
                try copy(start, from: host.address &+ distance, to: target + offset, count: Int(length))
                done &+= length
            }
        }
    }

    private func host(of address: PhysicalAddress) -> HostRange? {
        hosts.last { $0.start <= address && address.rawValue &- $0.start.rawValue < $0.length }
    }

    private func copy(
        _ address: PhysicalAddress, from source: UInt64, to target: UnsafeMutableRawPointer, count: Int
    ) throws(MemoryError) {
        var done = 0
        while done < count {
            let result = fi_process_read(process.pid, target + done, source &+ UInt64(done), count - done)
            if result > 0 {
                done += result
                continue
            }
            let problem = result == 0 ? EIO : errno
            guard problem != EINTR else { continue }
            throw failure(problem, address)
        }
        // Another process may have got the number of one that ended.
        guard process.isAlive else { throw failure(ESRCH, address) }
    }

    private func failure(_ problem: CInt, _ address: PhysicalAddress) -> MemoryError {
        switch problem {
        case ESRCH:
            return MemoryError(.guestGone, "QEMU (process \(process.pid)) ended while its memory was read", at: address)
        case EPERM, EACCES:
            let scope = HostFile.text("/proc/sys/kernel/yama/ptrace_scope").map { $0.filter(\.isNumber) }
            return MemoryError(
                .permission,
                "this process (uid \(geteuid())) may not read the memory of QEMU (process \(process.pid), uid \(process.uid))"
                    + (scope.map { ", ptrace_scope is \($0)" } ?? "")
                    + "; run inspectd as root or with CAP_SYS_PTRACE, or start QEMU with a shared memory backend",
                at: address)
        case EFAULT where !process.isAlive:
            return MemoryError(.guestGone, "QEMU (process \(process.pid)) ended while its memory was read", at: address)
        default:
            return MemoryError(
                .system,
                "reading \(address) from QEMU (process \(process.pid)) failed: \(String(cString: strerror(problem)))",
                at: address)
        }
    }
}
