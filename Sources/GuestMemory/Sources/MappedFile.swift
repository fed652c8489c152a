internal import Glibc

/// A file mapped for reading, for as long as the object lives.
final class MappedFile: @unchecked Sendable {
    let base: UnsafeRawPointer
    let count: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedCount: Int
    private let fileOffset: UInt64
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
        fileOffset = offset
        base = UnsafeRawPointer(mapping) + Int(slack)
        self.count = Int(count)
    }

    deinit {
        munmap(mapping, mappedCount)
        close(descriptor)
    }

    /// The parts of a piece of the file that were ever written, as offsets from the mapping's first byte.
    ///
    /// Touching the others would allocate them, in the guest's memory. A file system that does not tell has one part.
    func written(from start: Int, count: Int) -> [Range<Int>] {
        let seekData: CInt = 3
        let seekHole: CInt = 4
        let shift = fileOffset
        var result: [Range<Int>] = []
        var position = off_t(shift) + off_t(start)
        let end = position + off_t(count)
        while position < end {
            let data = lseek(descriptor, position, seekData)
            if data < 0 {
                // ENXIO: nothing but a hole up to the end.
                if errno == ENXIO { return result }
                return [start..<(start + count)]
            }
            guard data < end else { return result }
            let hole = lseek(descriptor, data, seekHole)
            let stop = hole < 0 ? end : min(hole, end)
            guard stop > data else { return result }
            result.append(Int(data) - Int(shift)..<Int(stop) - Int(shift))
            position = stop
        }
        return result
    }

    private static func failure(_ name: String, _ descriptor: CInt) -> MemoryError {
        let problem = errno
        close(descriptor)
        return MemoryError(
            problem == EACCES || problem == EPERM ? .permission : .system,
            "\(name) cannot be mapped: \(String(cString: strerror(problem)))")
    }
}
