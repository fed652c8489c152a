internal import Glibc
public import SystemPackage

extension KernelSnapshot {
    /// Reads a file.
    ///
    /// - Throws: ``SnapshotError`` with code `.unreadable`, `.damaged` or `.unknownVersion`; the sentence names the file.
    public init(contentsOf path: FilePath) throws(SnapshotError) {
        do {
            try self.init(parsing: KernelSnapshot.bytes(of: path))
        } catch {
            throw SnapshotError(error.code, "\(path): \(error.message)", at: error.offset)
        }
    }

    private static func bytes(of path: FilePath) throws(SnapshotError) -> [UInt8] {
        func failure(_ verb: String) -> SnapshotError {
            SnapshotError(.unreadable, "the snapshot cannot be \(verb): \(String(cString: strerror(errno)))")
        }
        // Opening a pipe that nobody writes to must not wait.
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("read") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SnapshotError(.unreadable, "a snapshot is a file, this is something else")
        }
        guard status.st_size <= off_t(KernelSnapshot.maximumBytes) else {
            throw SnapshotError(
                .damaged,
                "the file has \(status.st_size >> 20) MiB, no snapshot has more than \(KernelSnapshot.maximumBytes >> 20)"
            )
        }
        // One byte more than there should be: a file that grows meanwhile is noticed.
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { break }
            done += count
        }
        bytes.removeLast(bytes.count - done)
        return bytes
    }
}
