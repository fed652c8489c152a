import Foundation
import GuestTesting

/// The server's end of a connection.
struct ScriptedConnection {
    private let descriptor: CInt

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Sends bytes as they are; a client that is gone is no problem.
    func send(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            sent += count
        }
    }

    /// Sends a line with QEMU's line end.
    func send(_ line: String) { send(Array((line + "\r\n").utf8)) }

    /// The client's next request; nil where it has gone.
    func request() throws -> ScriptedRequest? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = recv(descriptor, &byte, 1, 0)
            guard count >= 0 else { throw TestProcessError("no request came: \(String(cString: strerror(errno)))") }
            if count == 0 { return nil }
            if byte == 0x0a { return try JSONDecoder().decode(ScriptedRequest.self, from: Data(line)) }
            line.append(byte)
        }
    }

    /// Waits until the client closes.
    func waitForEnd() throws { while try request() != nil {} }

    /// Does a QEMU's part of the handshake.
    @discardableResult func greet(as version: QEMUBehaviour) throws -> ScriptedRequest? {
        send(version.greeting)
        let request = try request()
        if let id = request?.id { send("{\"return\": {}, \"id\": \(id)}") }
        return request
    }
}
