internal import Glibc

/// The process of a client, to tell one that closes its connection from one that was killed.
struct ClientProcess: Hashable, Sendable {
    private let pid: Int32
    private let started: Substring

    /// A process that runs now; nil where it cannot be seen.
    init?(pid: Int32) {
        guard pid > 0, let fields = ClientProcess.fields(pid), fields.count > 19 else { return nil }
        self.pid = pid
        started = fields[19]
    }

    /// Whether it runs, and is not about to end: the kernel marks a process that ends before it closes its files.
    var isAlive: Bool {
        guard let fields = ClientProcess.fields(pid), fields.count > 19, fields[19] == started,
            let flags = UInt64(fields[6])
        else { return false }
        let exiting: UInt64 = 0x4
        return flags & exiting == 0 && fields[0] != "Z" && fields[0] != "X"
    }

    /// The fields of `/proc/PID/stat` behind the name: state first, flags seventh, start time twentieth.
    private static func fields(_ pid: Int32) -> [Substring]? {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
