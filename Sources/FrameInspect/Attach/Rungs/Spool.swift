internal import CGuestMemory
internal import Glibc
internal import GuestMemory

/// An unnamed file in memory, gone with its last descriptor: also when the process is killed.
final class Spool: Sendable {
    /// Its descriptor, open for reading and writing.
    let descriptor: CInt

    /// A file of `byteCount` bytes whose pages are there already.
    ///
    /// - Throws: ``MemoryError`` with code `.system` when memory or descriptors are short.
    init(name: String, byteCount: Int) throws(MemoryError) {
        descriptor = fi_memfd(name)
        guard descriptor >= 0 else { throw Spool.failure("made", byteCount) }
        if byteCount > 0, posix_fallocate(descriptor, 0, byteCount) != 0 { throw Spool.failure("filled", byteCount) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Another descriptor of the same file, which the caller closes.
    func duplicate() throws(MemoryError) -> CInt {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw Spool.failure("duplicated", 0) }
        return copy
    }

    private static func failure(_ what: String, _ byteCount: Int) -> MemoryError {
        let problem = errno
        return MemoryError(
            .system,
            "a temporary file in memory (\(byteCount >> 20) MiB) could not be \(what): \(String(cString: strerror(problem)))"
        )
    }
}
