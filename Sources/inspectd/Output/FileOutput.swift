import Glibc

/// A file that appears under its name only when it is complete.
enum FileOutput {
    /// Lets `body` write to a temporary neighbour of `path` and renames it; on any error nothing is left behind.
    static func write(to path: String, _ body: (OutputWriter) throws -> Void) throws {
        if path == "-" {
            let writer = OutputWriter()
            try body(writer)
            return try writer.flush()
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
            // A device or a pipe: there is nothing to rename.
            let descriptor = open(path, O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw failure(path) }
            defer { close(descriptor) }
            let writer = OutputWriter(descriptor: descriptor, name: path)
            try body(writer)
            return try writer.flush()
        }
        let temporary = "\(path).\(getpid()).part"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failure(path) }
        var isOpen = true
        do {
            let writer = OutputWriter(descriptor: descriptor, name: path)
            try body(writer)
            try writer.flush()
            isOpen = false
            guard close(descriptor) == 0, rename(temporary, path) == 0 else { throw failure(path) }
        } catch {
            if isOpen { close(descriptor) }
            unlink(temporary)
            throw error
        }
    }

    private static func failure(_ path: String) -> OutputError {
        let problem = errno
        return OutputError(
            code: .failed, errno: problem,
            description: "\(path) cannot be written (\(String(cString: strerror(problem)))); choose another file")
    }
}
