import Foundation
@testable import GDBRemote
import Synchronization

/// The stub's end of a connection.
final class PeerConnection: Sendable {
    /// What a debugger sent.
    enum Incoming: Hashable {
        case packet(String)
        case interrupt
        case ack
        case nack
    }

    private struct Reading {
        var decoder = PacketDecoder(from: .debugger)
        var ready: [Incoming] = []
    }

    private let descriptor: CInt
    private let isOpen = Mutex(true)
    private let reading = Mutex(Reading())

    init(_ descriptor: CInt) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { finish() }

    /// Ends the connection; whoever reads from it finds its end.
    func hangUp() {
        isOpen.withLock { if $0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } }
    }

    /// Closes the socket; nobody may read from it any more.
    func finish() {
        isOpen.withLock { isOpen in
            if isOpen { _ = close(descriptor) }
            isOpen = false
        }
    }

    /// Bytes as they come; nil at the end.
    func receiveBytes() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? Array(bytes.prefix(count)) : nil
    }

    /// Takes bytes apart; what is in them comes from ``next()``.
    func feed(_ bytes: [UInt8]) {
        reading.withLock { reading in
            var ready: [Incoming] = []
            bytes.withUnsafeBytes { bytes in
                try? reading.decoder.receive(bytes) { event in
                    switch event {
                    case .packet(let payload): ready.append(.packet(String(decoding: payload, as: UTF8.self)))
                    case .interrupt: ready.append(.interrupt)
                    case .ack: ready.append(.ack)
                    case .nack: ready.append(.nack)
                    default: break
                    }
                }
            }
            reading.ready += ready
        }
    }

    /// What was fed and not taken yet.
    func next() -> Incoming? { reading.withLock { $0.ready.isEmpty ? nil : $0.ready.removeFirst() } }

    /// The next thing that a debugger sends; nil at the end.
    func receive() -> Incoming? {
        while true {
            if let next = next() { return next }
            guard let bytes = receiveBytes() else { return nil }
            feed(bytes)
        }
    }

    /// The next packet; nil at the end.
    func receivePacket() -> String? {
        while let incoming = receive() { if case .packet(let text) = incoming { return text } }
        return nil
    }

    /// Sends bytes as they are.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends text as it is.
    func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends an acknowledgement and a reply.
    func reply(_ text: String) { send(Array("+".utf8) + Packet.encode(text)) }
}
