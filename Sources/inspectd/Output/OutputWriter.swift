import Glibc

/// Buffered output to a descriptor; every failure is reported, none is lost.
///
/// SIGPIPE is ignored by the program, since it must put the guest right before it ends: a reader that has gone shows
/// here as ``OutputError`` with code `.closed`.
final class OutputWriter {
    private let descriptor: Int32
    private let name: String
    private let capacity: Int
    /// Who gets the output instead of the descriptor.
    private let capture: CommandCapture?
    /// What is not written yet.
    ///
    /// Fast paths append here and call ``flushIfFull()``.
    var buffer: [UInt8] = []

    /// A writer for an open descriptor, which it does not close; `name` appears in errors.
    init(descriptor: Int32 = 1, name: String = "standard output", capacity: Int = 1 << 16) {
        capture = descriptor == 1 ? CommandCapture.current : nil
        self.descriptor = descriptor
        self.name = name
        self.capacity = capacity
        buffer.reserveCapacity(capacity + 4096)
    }

    /// Writes text.
    func write(_ text: String) throws(OutputError) {
        buffer.append(contentsOf: text.utf8)
        try flushIfFull()
    }

    /// Writes bytes.
    func write(bytes: [UInt8]) throws(OutputError) {
        buffer.append(contentsOf: bytes)
        try flushIfFull()
    }

    /// Writes lines, each with a line end.
    func writeLines(_ lines: [String]) throws(OutputError) {
        for line in lines {
            buffer.append(contentsOf: line.utf8)
            buffer.append(0x0A)
            try flushIfFull()
        }
    }

    /// Hands the buffer to the system once it is large.
    func flushIfFull() throws(OutputError) {
        if buffer.count >= capacity { try flush() }
    }

    /// Hands everything to the system.
    func flush() throws(OutputError) {
        var written = 0
        defer { buffer.removeAll(keepingCapacity: true) }
        if let capture { return try capture.write(buffer) }
        while written < buffer.count {
            let (count, problem) = buffer.withUnsafeBytes { bytes in
                let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                return (count, count < 0 ? errno : 0)
            }
            if count >= 0 {
                written += count
                continue
            }
            switch problem {
            case EINTR: continue
            case EAGAIN:
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&waiting, 1, 1000)
            case EPIPE:
                throw OutputError(code: .closed, errno: problem, description: "The reader of \(name) has gone.")
            case EBADF:
                throw OutputError(
                    code: .failed, errno: problem,
                    description: "\(name) is closed; run the command with somewhere to write to")
            default:
                let reason = String(cString: strerror(problem))
                throw OutputError(
                    code: .failed, errno: problem,
                    description: "writing to \(name) failed (\(reason)); what was printed is incomplete: "
                        + "make room or choose another place, then run the command again")
            }
        }
    }
}
