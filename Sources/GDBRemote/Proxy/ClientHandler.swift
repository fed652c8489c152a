internal import NIOCore

/// A client's socket; lives on its event loop.
final class ClientHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Its number.
    var id: UInt64 = 0
    let process: ClientProcessBox
    /// Bytes that were written and have not gone out.
    private(set) var backlog = 0
    private let hub: ProxyHub
    private var context: ChannelHandlerContext?
    private var needsFlush = false

    init(hub: ProxyHub, process: ClientProcessBox) {
        self.hub = hub
        self.process = process
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        buffer.withUnsafeReadableBytes { bytes in hub.take { $0.clientSent(id, bytes) } }
    }

    func channelInactive(context: ChannelHandlerContext) { hub.clientClosed(self) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Writes bytes, which go out with the next flush.
    func write(_ bytes: [UInt8]) {
        guard let context else { return }
        needsFlush = true
        backlog += bytes.count
        context.write(wrapOutboundOut(ByteBuffer(bytes: bytes))).whenComplete { [weak self] _ in
            self?.backlog -= bytes.count
        }
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    /// Closes the socket after what can be written at once.
    func close() {
        flush()
        context?.close(promise: nil)
    }
}
