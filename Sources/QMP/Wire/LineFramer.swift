internal import Glibc

/// Cuts a stream of bytes into lines, whatever fragments it comes in; holds no more than one line's limit.
struct LineFramer: Sendable {
    /// Longest line that is accepted, in bytes: 10 MiB.
    static let defaultLimit = 10 << 20

    private let limit: Int
    private var buffer: [UInt8] = []
    private var head = 0
    private var scanned = 0

    init(limit: Int = LineFramer.defaultLimit) { self.limit = limit }

    /// The bytes that belong to no finished line yet, at most `count` of them.
    func pending(atMost count: Int) -> ArraySlice<UInt8> {
        buffer[head..<min(buffer.count, head &+ count)]
    }

    /// Takes the next fragment.
    mutating func append(_ fragment: some Collection<UInt8>) {
        if head == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 16)
            head = 0
            scanned = 0
        } else if head > 1 << 16 {
            buffer.removeSubrange(0..<head)
            scanned &-= head
            head = 0
        }
        buffer.append(contentsOf: fragment)
    }

    /// The next finished line without its line end (LF or CRLF), or nil where more bytes are needed.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` where a line is longer than the limit.
    mutating func nextLine() throws(QMPError) -> [UInt8]? {
        let from = scanned
        let found = buffer.withUnsafeBytes { bytes -> Int? in
            guard let base = bytes.baseAddress, from < bytes.count else { return nil }
            guard let place = memchr(base + from, 0x0a, bytes.count - from) else { return nil }
            return UnsafeRawPointer(place) - base
        }
        scanned = found.map { $0 &+ 1 } ?? buffer.count
        guard (found ?? buffer.count) &- head <= limit else {
            throw QMPError(
                .malformed,
                "the server sent a line of more than \(limit) bytes, which no QMP server does; "
                    + "check that the address is a QMP socket")
        }
        guard let found else { return nil }
        var end = found
        if end > head, buffer[end &- 1] == 0x0d { end &-= 1 }
        let line = Array(buffer[head..<end])
        head = found &+ 1
        return line
    }
}
