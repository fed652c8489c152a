import Foundation
import GuestTesting
import SocketTransport

/// A stub's client that shares no code with the one under test: one packet, one reply.
final class RawStubConnection {
    private let descriptor: CInt

    /// Connects to a UNIX socket.
    init(_ address: StreamAddress) throws {
        guard case .unix(let path) = address else { throw TestProcessError("\(address) is not a UNIX socket") }
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let isConnected = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isConnected else {
            close(descriptor)
            throw TestProcessError("cannot connect to \(path): \(String(cString: strerror(errno)))")
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Another descriptor of a connected socket.
    init(copying original: CInt) throws {
        descriptor = fcntl(original, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { throw TestProcessError("cannot copy a descriptor") }
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        guard write(descriptor, bytes, bytes.count) == bytes.count else { throw TestProcessError("the stub hung up") }
    }

    /// The reply to a packet of plain characters; stops that nobody asked for are passed over.
    func ask(_ text: String) throws -> String {
        let sum = text.utf8.reduce(UInt8(0), &+)
        try send(Array("$\(text)#\(sum < 16 ? "0" : "")\(String(sum, radix: 16))".utf8))
        while true {
            let reply = try packet()
            if !reply.hasPrefix("T") { return reply }
        }
    }

    /// The text that a monitor command prints.
    func console(_ packet: String) throws -> String {
        var text = ""
        var reply = try ask(packet)
        while reply.hasPrefix("O"), reply != "OK" {
            let digits = Array(reply.utf8.dropFirst())
            let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
                UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
            }
            text += String(decoding: bytes, as: UTF8.self)
            reply = try self.packet()
        }
        return text
    }

    /// The next stop reply; other packets are passed over.
    func stop() throws -> String {
        while true {
            let reply = try packet()
            if reply.hasPrefix("T") { return reply }
        }
    }

    private func packet() throws -> String {
        var text: [UInt8]?
        while true {
            var byte: UInt8 = 0
            guard read(descriptor, &byte, 1) == 1 else { throw TestProcessError("the stub does not answer") }
            switch byte {
            case 0x24: text = []
            case 0x23 where text != nil:
                var sum: UInt16 = 0
                guard read(descriptor, &sum, 2) == 2 else { throw TestProcessError("the stub does not answer") }
                return String(decoding: text ?? [], as: UTF8.self)
            default: text?.append(byte)
            }
        }
    }
}
