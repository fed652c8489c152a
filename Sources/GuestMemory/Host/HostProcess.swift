internal import Glibc

/// A process of this machine, told from a later one with the same number by the time at which it began.
public struct HostProcess: Hashable, Sendable {
    /// Its number.
    public let pid: Int32
    /// Its effective user.
    public let uid: UInt32
    /// Its command line.
    public let arguments: [String]
    /// When it began, in clock ticks since boot.
    private let startTime: UInt64

    /// A process that runs; nil where there is none of that number, or it is not visible.
    public init?(pid: Int32) {
        guard pid > 0, let startTime = HostProcess.startTime(of: pid) else { return nil }
        guard let line = HostFile.bytes("/proc/\(pid)/cmdline", limit: 1 << 20) else { return nil }
        var status = stat()
        guard stat("/proc/\(pid)", &status) == 0 else { return nil }
        self.pid = pid
        self.startTime = startTime
        uid = status.st_uid
        arguments = line.split(separator: 0, omittingEmptySubsequences: false).dropLast()
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The process at the other end of a TCP connection within this machine; nil where that is elsewhere or not visible.
    public init?(behindLoopback descriptor: CInt) {
        guard let own = SocketEnds(descriptor: descriptor), let inode = own.inodeOfPeer else { return nil }
        for process in HostProcess.all() {
            for name in HostFile.names("/proc/\(process.pid)/fd") ?? []
            where HostFile.link("/proc/\(process.pid)/fd/\(name)") == "socket:[\(inode)]" {
                self = process
                return
            }
        }
        return nil
    }

    /// The file that it executes; nil where that may not be seen.
    public var executable: String? { HostFile.link("/proc/\(pid)/exe") }

    /// Its working directory; nil where that may not be seen.
    public var directory: String? { HostFile.link("/proc/\(pid)/cwd") }

    /// Whether the process still runs.
    public var isAlive: Bool { HostProcess.startTime(of: pid) == startTime }

    /// Whether its command line is one that libvirt writes.
    public var isManagedByLibvirt: Bool {
        arguments.contains { $0.hasPrefix("guest=") && $0.contains("debug-threads=") }
            || arguments.contains { $0.contains("/libvirt/qemu/") }
    }

    /// All processes that are visible, by number.
    public static func all() -> [HostProcess] {
        (HostFile.names("/proc") ?? []).compactMap { Int32($0) }.sorted().compactMap { HostProcess(pid: $0) }
    }

    /// The processes whose command line holds `text` somewhere; looks no further at the others.
    public static func all(mentioning text: String) -> [HostProcess] {
        let wanted = Array(text.utf8)
        guard !wanted.isEmpty else { return [] }
        return (HostFile.names("/proc") ?? []).compactMap { Int32($0) }.sorted().compactMap { pid in
            guard let line = HostFile.bytes("/proc/\(pid)/cmdline", limit: 1 << 20), line.contains(wanted)
            else { return nil }
            return HostProcess(pid: pid)
        }
    }

    private static func startTime(of pid: Int32) -> UInt64? {
        // The name is in parentheses and may hold anything: fields are counted from behind it.
        guard let text = HostFile.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        // A process that ended and was not waited for yet has nothing left to read.
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return UInt64(fields[19])
    }
}

/// Both ends of a TCP connection, as `/proc/net/tcp` writes them.
private struct SocketEnds {
    var local: String
    var remote: String
    var isVersion6: Bool

    init?(descriptor: CInt) {
        guard let local = SocketEnds.text(descriptor, getsockname),
            let remote = SocketEnds.text(descriptor, getpeername),
            local.count == remote.count
        else { return nil }
        self.local = local
        self.remote = remote
        isVersion6 = local.count > 13
    }

    /// The inode of the socket at the other end, if it is on this machine.
    var inodeOfPeer: String? {
        guard let table = HostFile.text(isVersion6 ? "/proc/net/tcp6" : "/proc/net/tcp") else { return nil }
        for line in table.split(separator: "\n").dropFirst() {
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[1] == remote, fields[2] == local, fields[9] != "0" else { continue }
            return String(fields[9])
        }
        return nil
    }

    private static func text(
        _ descriptor: CInt, _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> String? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let bytes: [UInt8]? = withUnsafeMutablePointer(to: &storage) { pointer in
            let isKnown = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(descriptor, $0, &length) == 0
            }
            return isKnown ? Array(UnsafeRawBufferPointer(start: pointer, count: Int(length))) : nil
        }
        guard let bytes, bytes.count >= 8 else { return nil }
        let family = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
        let address: ArraySlice<UInt8>
        switch Int32(family) {
        case AF_INET: address = bytes[4..<8]
        case AF_INET6 where bytes.count >= 24: address = bytes[8..<24]
        default: return nil
        }
        func hex(_ bytes: some Sequence<UInt8>) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
        }
        // Addresses are written as words of the machine, the port in network order.
        var words = ""
        for start in stride(from: address.startIndex, to: address.endIndex, by: 4) {
            words += hex(address[start..<(start + 4)].reversed())
        }
        return words + ":" + hex(bytes[2..<4])
    }
}
