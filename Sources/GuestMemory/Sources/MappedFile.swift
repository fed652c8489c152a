internal import Glibc

/// A file mapped for reading, for as long as the object lives.
final class MappedFile: @unchecked Sendable {
    let base: UnsafeRawPointer
    let count: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedCount: Int
    private let descriptor: CInt

    /// Maps `count` bytes from `offset` on; takes the descriptor over in any case.
    init(descriptor: CInt, offset: UInt64, count: UInt64, name: String) throws(MemoryError) {
        let slack = offset % 4096
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw MappedFile.failure(name, descriptor) }
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, let size = Int(exactly: count &+ slack), size > 0, let start = off_t(exactly: offset &- slack)
        else {
            close(descriptor)
            throw MemoryError(.malformed, "\(name): \(count) bytes from offset \(offset) on cannot be mapped")
        }
        // Touching a mapping behind the end of its file kills the process; devices have no size to check.
        if status.st_mode & S_IFMT == S_IFREG, UInt64(clamping: status.st_size) < end {
            close(descriptor)
            throw MemoryError(
                .malformed, "\(name) has \(status.st_size) bytes where \(end) were expected: is it complete?")
        }
        guard let mapping = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, start), mapping != MAP_FAILED else {
            throw MappedFile.failure(name, descriptor)
        }
        self.descriptor = descriptor
        self.mapping = mapping
        mappedCount = size
        base = UnsafeRawPointer(mapping) + Int(slack)
        self.count = Int(count)
    }

    deinit {
        munmap(mapping, mappedCount)
        close(descriptor)
    }

    private static func failure(_ name: String, _ descriptor: CInt) -> MemoryError {
        let problem = errno
        close(descriptor)
        return MemoryError(
            problem == EACCES || problem == EPERM ? .permission : .system,
            "\(name) cannot be mapped: \(String(cString: strerror(problem)))")
    }
}
