internal import Glibc

/// The mappings of a process, as `/proc/PID/maps` lists them.
public struct ProcessMaps: Hashable, Sendable {
    /// One mapping.
    public struct Entry: Hashable, Sendable {
        /// First address.
        public var start: UInt64
        /// The address behind the last one.
        public var end: UInt64
        /// `rw-s` and the like.
        public var permissions: String
        /// Where in the file it begins.
        public var offset: UInt64
        /// The file's device, as `08:01`.
        public var device: String
        /// The file's inode; 0 for memory without a file.
        public var inode: UInt64
        /// The file; may be gone, or no path at all.
        public var path: String

        /// Whether what is written is seen by everybody who maps the file.
        public var isShared: Bool { permissions.hasSuffix("s") }
    }

    /// The mappings by ascending address.
    public var entries: [Entry]

    /// Reads the mappings of a process.
    ///
    /// - Throws: ``MemoryError`` with code `.permission` or `.guestGone`.
    public static func read(of process: HostProcess) throws(MemoryError) -> ProcessMaps {
        guard let bytes = HostFile.bytes("/proc/\(process.pid)/maps") else {
            guard process.isAlive else {
                throw MemoryError(.guestGone, "QEMU (process \(process.pid)) ended")
            }
            throw MemoryError(
                .permission,
                "the mappings of QEMU (process \(process.pid), uid \(process.uid)) may not be read by uid \(geteuid()); "
                    + "run inspectd as the same user or as root")
        }
        return try parse(bytes: bytes)
    }

    /// Reads the text of such a file.
    ///
    /// - Throws: ``MemoryError`` with code `.malformed` and the line.
    public static func parse(_ text: String) throws(MemoryError) -> ProcessMaps { try parse(bytes: Array(text.utf8)) }

    /// By bytes, since this stands between a user and the first answer, and QEMU has hundreds of mappings.
    static func parse(bytes: [UInt8]) throws(MemoryError) -> ProcessMaps {
        var entries: [Entry] = []
        for line in bytes.split(separator: 0x0A) {
            guard let entry = Entry(line: line) else {
                throw MemoryError(
                    .malformed,
                    "a process's list of mappings has the line '\(String(decoding: line, as: UTF8.self))'")
            }
            entries.append(entry)
        }
        return ProcessMaps(entries: entries.sorted { $0.start < $1.start })
    }

    /// The mapping that holds an address.
    public func entry(containing address: UInt64) -> Entry? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        guard low < entries.count, entries[low].start <= address else { return nil }
        return entries[low]
    }
}

extension ProcessMaps.Entry {
    /// Reads `START-END PERMISSIONS OFFSET DEVICE INODE PATH`; nil for anything else.
    init?(line: ArraySlice<UInt8>) {
        let space = UInt8(ascii: " ")
        let fields = line.split(separator: space, maxSplits: 5)
        guard fields.count >= 5, let dash = fields[0].firstIndex(of: UInt8(ascii: "-")) else { return nil }
        func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
            guard !digits.isEmpty, digits.count <= 16 else { return nil }
            var value: UInt64 = 0
            for digit in digits {
                switch digit {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit & 15)
                case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit &- 87)
                default: return nil
                }
            }
            return value
        }
        func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
        guard let start = hexadecimal(fields[0][..<dash]), let end = hexadecimal(fields[0][(dash + 1)...]),
            start <= end, let offset = hexadecimal(fields[2]), let inode = UInt64(text(fields[4]))
        else { return nil }
        self.init(
            start: start, end: end, permissions: text(fields[1]), offset: offset, device: text(fields[3]),
            inode: inode, path: fields.count > 5 ? text(fields[5].drop { $0 == space }) : "")
    }

    /// Opens the mapped file for reading, through the process: its path may be gone or mean another file here.
    ///
    /// - Throws: ``MemoryError`` with code `.permission` or `.unavailable`.
    public func open(of process: HostProcess) throws(MemoryError) -> CInt {
        func hex(_ value: UInt64) -> String { String(value, radix: 16) }
        var refused = false
        func attempt(_ path: String) -> CInt? {
            var status = stat()
            guard stat(path, &status) == 0 else {
                refused = refused || errno == EACCES || errno == EPERM
                return nil
            }
            // Looked at before it is opened: opening a device or a pipe may do something.
            let kind = status.st_mode & S_IFMT
            guard UInt64(status.st_ino) == inode, kind == S_IFREG else { return nil }
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                refused = refused || errno == EACCES || errno == EPERM
                return nil
            }
            return descriptor
        }
        if let descriptor = attempt("/proc/\(process.pid)/map_files/\(hex(start))-\(hex(end))") { return descriptor }
        let directory = "/proc/\(process.pid)/fd"
        let wanted = path.hasSuffix(" (deleted)") ? String(path.dropLast(10)) : path
        for name in HostFile.names(directory) ?? [] {
            guard let link = HostFile.link("\(directory)/\(name)"), link.hasPrefix(wanted) else { continue }
            if let descriptor = attempt("\(directory)/\(name)") { return descriptor }
        }
        if path.hasPrefix("/"), let descriptor = attempt(path) { return descriptor }
        throw MemoryError(
            refused ? .permission : .unavailable,
            "the file behind the guest's memory (\(path)) cannot be opened"
                + (refused ? " by uid \(geteuid()); run inspectd as QEMU's user or as root" : ""))
    }
}
