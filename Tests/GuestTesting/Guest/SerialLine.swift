import Foundation
import Glibc
import Synchronization

/// The test kernel's serial port: a UNIX socket on which this side listens, so that not a byte is lost.
final class SerialLine: Sendable {
    private let queue = DispatchQueue(label: "serial line")
    private let state: Mutex<State>

    private struct State {
        var listener: Int32
        var connection: Int32 = -1
        var buffer: [UInt8] = []
        var searched = 0
    }

    /// Listens on `path`.
    init(listeningOn path: String) throws {
        let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard listener >= 0, bound == 0, listen(listener, 1) == 0 else {
            close(listener)
            throw TestProcessError("cannot listen on \(path): \(String(cString: strerror(errno)))")
        }
        state = Mutex(State(listener: listener))
    }

    deinit {
        state.withLock {
            close($0.listener)
            if $0.connection >= 0 { close($0.connection) }
        }
    }

    /// Waits for QEMU to connect.
    func accept(timeout: Duration) async throws {
        try await run { state in
            try Self.wait(for: state.listener, events: POLLIN, until: .now + timeout, doing: "connecting")
            state.connection = Glibc.accept(state.listener, nil, nil)
            guard state.connection >= 0, fcntl(state.connection, F_SETFL, O_NONBLOCK) == 0,
                fcntl(state.connection, F_SETFD, FD_CLOEXEC) == 0
            else { throw TestProcessError("QEMU's serial port does not connect") }
        }
    }

    /// Sends `line` (none where empty) and returns every line up to the one with the member `last`.
    func exchange(_ line: String, last: String, timeout: Duration) async throws -> [[UInt8]] {
        let mark = Array("\"\(last)\":".utf8)
        return try await run { state in
            let deadline = ContinuousClock.now + timeout
            if !line.isEmpty { try Self.send(line + "\n", on: state.connection, until: deadline) }
            var lines: [[UInt8]] = []
            while true {
                let next = try Self.line(&state, until: deadline, doing: line)
                guard next.first == UInt8(ascii: "{") else { continue }
                if next.starts(with: Array("{\"panic\"".utf8)) {
                    throw TestProcessError("the guest panicked at \(line): \(String(decoding: next, as: UTF8.self))")
                }
                lines.append(next)
                if Self.contains(next, mark) { return lines }
            }
        }
    }

    private func run<Result: Sendable>(
        _ body: @escaping @Sendable (inout sending State) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(with: Swift.Result { try state.withLock { try body(&$0) } })
            }
        }
    }

    /// `ready` begins its line, `ok` ends one.
    private static func contains(_ line: [UInt8], _ mark: [UInt8]) -> Bool {
        let ends = line.prefix(12) + line.suffix(12)
        return ends.indices.contains { ends[$0...].starts(with: mark) }
    }

    private static func wait(
        for descriptor: Int32, events: Int32, until deadline: ContinuousClock.Instant, doing: String
    ) throws {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw TestProcessError("the guest takes too long (\(doing))") }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            if poll(&entry, 1, Int32(clamping: milliseconds + 1)) > 0 { return }
        }
    }

    private static func send(_ text: String, on descriptor: Int32, until deadline: ContinuousClock.Instant) throws {
        var rest = ArraySlice(text.utf8)
        while !rest.isEmpty {
            try wait(for: descriptor, events: POLLOUT, until: deadline, doing: text)
            let flags = Int32(MSG_NOSIGNAL)
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard sent > 0 || errno == EAGAIN || errno == EINTR else { throw TestProcessError("QEMU is gone") }
            rest = rest.dropFirst(max(0, sent))
        }
    }

    private static func line(
        _ state: inout State, until deadline: ContinuousClock.Instant, doing: String
    ) throws -> [UInt8] {
        while true {
            if let end = state.buffer[state.searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = state.buffer[..<end].filter { $0 != UInt8(ascii: "\r") }
                state.buffer.removeSubrange(...end)
                state.searched = 0
                return line
            }
            state.searched = state.buffer.count
            try wait(for: state.connection, events: POLLIN, until: deadline, doing: doing)
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let descriptor = state.connection
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) {
                throw TestProcessError("QEMU ended (\(doing))")
            }
            state.buffer.append(contentsOf: chunk.prefix(max(0, count)))
        }
    }
}
