internal import NIOCore

/// The stub's socket; lives on its event loop.
final class StubHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let hub: ProxyHub
    private var context: ChannelHandlerContext?
    private var needsFlush = false

    init(hub: ProxyHub) { self.hub = hub }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        buffer.withUnsafeReadableBytes { bytes in hub.take { $0.stubSent(bytes) } }
    }

    func channelActive(context: ChannelHandlerContext) { hub.stubActive(self) }

    func channelInactive(context: ChannelHandlerContext) { hub.stubClosed(self) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Writes bytes, which go out with the next flush.
    func write(_ bytes: [UInt8]) {
        needsFlush = true
        context?.write(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        context?.flush()
    }

    func close() {
        flush()
        context?.close(promise: nil)
    }
}
