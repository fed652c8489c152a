internal import NIOCore
internal import SocketTransport

/// The reply to one request.
typealias PendingReply = OneShot<[UInt8], GDBError>

/// The protocol on its socket: replies go to requests in the order in which these were sent.
///
/// Lives on its event loop.
final class GDBHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Waiting {
        var reply: PendingReply
        /// Bytes of console output that came before the reply.
        var console: [UInt8] = []
        /// The packet, to be sent again when the stub did not get it.
        var packet: [UInt8]
    }

    // All of it is touched on the event loop only.
    private var decoder = PacketDecoder()
    private var waiting = CircularBuffer<Waiting>()
    private var context: ChannelHandlerContext?
    private var ending: GDBError?
    private var acksOwed = 0
    private var resends = 0
    private var hasReplied = false
    /// Whether every packet is answered by `+`.
    var usesAcks = true
    /// Whether the stub said that the target stopped before it answered anything.
    private(set) var stoppedUnasked = false
    /// Stop replies that nobody asked for, newest last.
    private(set) var stops: [[UInt8]] = []

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        var events: [PacketDecoder.Event] = []
        do throws(GDBError) {
            let view = buffer.readableBytesView
            if !hasReplied, view.starts(with: "{\"QMP\"".utf8) {
                throw GDBError(
                    .notGDB, "this is a QMP socket, not a GDB stub: give it with --qmp, and the one of -gdb with --gdb")
            }
            var failure: GDBError?
            buffer.withUnsafeReadableBytes { bytes in
                do throws(GDBError) { try decoder.receive(bytes) { events.append($0) } } catch { failure = error }
            }
            if let failure { throw failure }
            if !hasReplied, decoder.strayCount > 256 {
                throw GDBError(
                    .notGDB, "what answers there does not speak the GDB remote protocol; give the socket of -gdb")
            }
        } catch {
            end(error)
            return
        }
        for event in events { take(event) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(GDBError(.disconnected, "the GDB stub closed the connection: QEMU has ended, or its stub was removed"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(GDBError(.disconnected, "the connection to the GDB stub broke: \(error)", cause: error))
    }

    /// Sends requests in one write; each gets its reply in turn.
    func send(_ requests: [(packet: [UInt8], reply: PendingReply)]) {
        if let ending {
            for request in requests { request.reply.resolve(.failure(ending)) }
            return
        }
        // An ack never travels alone: on TCP it would wait for the peer's.
        var bytes: [UInt8] = usesAcks ? Array(repeating: 0x2B, count: min(acksOwed, 64)) : []
        acksOwed = 0
        for request in requests {
            bytes += request.packet
            waiting.append(Waiting(reply: request.reply, packet: request.packet))
        }
        write(bytes)
    }

    /// Sends bytes that get no reply.
    func write(_ bytes: [UInt8]) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    /// Ends the connection: every pending request fails.
    func end(_ error: GDBError) {
        guard ending == nil else { return }
        ending = error
        for entry in waiting { entry.reply.resolve(.failure(error)) }
        waiting.removeAll()
        context?.close(promise: nil)
    }

    private func take(_ event: PacketDecoder.Event) {
        switch event {
        case .packet(let payload):
            acksOwed += 1
            takePacket(payload)
        case .broken:
            if usesAcks { write([0x2D]) }
        case .nack:
            // On a local socket nothing gets lost: a stub that keeps asking is broken.
            resends += 1
            guard let first = waiting.first, resends < 8 else {
                return end(GDBError(.malformed, "the stub rejects every packet; is it a GDB stub?"))
            }
            write(first.packet)
        case .ack, .notification: break
        }
    }

    private func takePacket(_ payload: [UInt8]) {
        if isStop(payload) {
            if !hasReplied { stoppedUnasked = true }
            if stops.count < 64 { stops.append(payload) }
            return
        }
        guard !waiting.isEmpty else { return }
        // Console output: O and hexadecimal digits; OK is a reply.
        if payload.count > 2, payload[0] == 0x4F, let text = HexText.decode(Array(payload[1...])) {
            if waiting[waiting.startIndex].console.count + text.count <= PacketDecoder.limit {
                waiting[waiting.startIndex].console += text
            }
            return
        }
        hasReplied = true
        let entry = waiting.removeFirst()
        entry.reply.resolve(.success(entry.console.isEmpty ? payload : entry.console))
    }

    /// `T05…`, `S05`: nothing that we ask for is answered like that.
    private func isStop(_ payload: [UInt8]) -> Bool {
        payload.count >= 3 && (payload[0] == 0x54 || payload[0] == 0x53) && HexText.value(payload[1]) != nil
            && HexText.value(payload[2]) != nil
    }
}
