import Foundation
import Glibc

/// Asks a daemon of this machine over its socket.
struct DaemonClient: Sendable {
    /// The socket's path.
    let socket: String

    /// The longest answer that is taken, in bytes.
    private static let limit = 64 << 20
    /// How long nothing may come, in seconds.
    private static let patience = 120

    /// Sends a document and reads the answer's.
    ///
    /// - Throws: ``CommandError`` where nobody answers, and with the daemon's own sentence where it refuses.
    func post(_ path: String, _ document: JSONValue) throws(CommandError) -> [String: Any] {
        let body = Array(document.line.utf8)
        let head =
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        let answer = try exchange(Array(head.utf8) + body)
        let separator = Array("\r\n\r\n".utf8)
        guard let end = answer.firstRange(of: separator) else { throw nonsense }
        let line = String(decoding: answer[..<end.lowerBound].prefix { $0 != 0x0D }, as: UTF8.self)
        guard let status = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
            let value = try? JSONSerialization.jsonObject(with: Data(answer[end.upperBound...])),
            let object = value as? [String: Any]
        else { throw nonsense }
        guard status < 300 else {
            let detail = object["detail"] as? String ?? line
            throw CommandError(status < 500 ? .usage : .unreachable, "the daemon at \(socket) refuses: \(detail)")
        }
        return object
    }

    private var nonsense: CommandError {
        CommandError(
            .unreachable, "what answers at \(socket) is no inspectd; give the socket of 'inspectd serve' with --daemon")
    }

    private func exchange(_ request: [UInt8]) throws(CommandError) -> [UInt8] {
        func failure(_ what: String) -> CommandError {
            CommandError(
                .unreachable,
                "the daemon at \(socket) cannot be \(what): \(String(cString: strerror(errno))); does 'inspectd serve' run?"
            )
        }
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure("reached") }
        defer { close(descriptor) }
        guard socket.utf8.count <= SocketClaim.maximumLength else {
            throw CommandError(.usage, "the socket's path \(socket) is longer than the system allows")
        }
        var patience = timeval(tv_sec: Self.patience, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: socket.utf8) }
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { throw failure("reached") }
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("asked") }
            sent += count
        }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while answer.count <= Self.limit {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("heard") }
            if count == 0 { return answer }
            answer.append(contentsOf: buffer[..<count])
        }
        throw CommandError(
            .readFailed,
            "the daemon's answer has more than \(Self.limit >> 20) MiB; ask for less, for example with --limit")
    }
}
