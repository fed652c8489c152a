import Glibc

/// Small files that the user names.
enum InputFile {
    /// A file's bytes, up to a little more than `limit`, so that who reads them sees that there are too many.
    static func bytes(_ path: String, what: String, limit: Int) throws -> [UInt8] {
        func failure(_ verb: String) -> CommandError {
            CommandError(.mismatch, "the \(what) \(path) cannot be \(verb): \(String(cString: strerror(errno)))")
        }
        // Opening a pipe that nobody writes to must not wait.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure("opened") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw CommandError(.mismatch, "the \(what) \(path) is not a file; give the path of a JSON file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("read") }
            if count == 0 { break }
            bytes.append(contentsOf: buffer[0..<count])
        }
        return bytes
    }
}
