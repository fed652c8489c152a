internal import Glibc
internal import NIOCore
internal import SocketTransport
internal import Synchronization

/// Joins a channel to a ``Conversation``; lives on the channel's event loop.
final class ConversationHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private struct Waiting {
        var answer: OneShot<[UInt8], QMPError>
        var timer: Scheduled<Void>
    }

    private var conversation = Conversation()
    private var waiting: [UInt64: Waiting] = [:]
    private var queue: [Call] = []
    private var unfinishedWrites = 0
    /// The call whose descriptor QEMU may not have taken yet: it keeps one, and a second would take its place.
    private var descriptorCall: UInt64?
    private var context: ChannelHandlerContext?
    private var ending: QMPError?
    private var isClosing = false
    private let address: QMPAddress
    private let handshake: OneShot<Handshake, QMPError>
    private let events: EventHub
    private let descriptor: SocketDescriptor

    init(address: QMPAddress, handshake: OneShot<Handshake, QMPError>, events: EventHub, descriptor: SocketDescriptor) {
        self.address = address
        self.handshake = handshake
        self.events = events
        self.descriptor = descriptor
    }

    // MARK: Calls

    /// Sends a call, or fails it where the connection is over.
    func submit(_ call: Call, timeout: TimeAmount) {
        guard !call.answer.isResolved else { return }
        guard let context, ending == nil else {
            call.answer.resolve(.failure(ending ?? .disconnected(from: address)))
            return
        }
        let id = call.id
        let name = call.command
        let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(in: timeout) {
            call.answer.resolve(
                .failure(
                    QMPError(
                        .timeout,
                        "QEMU did not answer \(name) in time; it is busy or stopped, or the limit is too short")))
            loop.value.forget(id: id)
        }
        waiting[id] = Waiting(answer: call.answer, timer: timer)
        conversation.expect(id: id, command: name)
        queue.append(call)
        sendQueue()
    }

    /// Gives up a call; a late reply is dropped.
    func forget(id: UInt64) {
        // Of this one the reply matters even when nobody waits for it.
        guard id != descriptorCall else { return }
        conversation.forget(id: id)
        waiting.removeValue(forKey: id)?.timer.cancel()
    }

    /// Ends the handshake where it takes too long.
    func handshakeTimedOut() {
        switch conversation.phase {
        case .awaitingGreeting:
            finish(
                QMPError(
                    .busy,
                    "\(address) accepts connections but sends no QMP greeting: most likely another client holds this "
                        + "monitor, which serves one at a time, or it is a GDB stub, which is silent too and has "
                        + "stopped its guest ('cont' in QEMU's monitor resumes it). Close the other client, or start QEMU with a socket of its own for this program, for example "
                        + "-qmp unix:/tmp/inspect.sock,server=on,wait=off"))
        case .negotiating:
            finish(
                QMPError(.timeout, "QEMU greeted on \(address) but did not finish the handshake in time; try again"))
        case .ready, .ended: break
        }
    }

    /// Closes the connection from this side.
    func close() {
        isClosing = true
        finish(.disconnected(from: address))
    }

    private func finish(_ error: QMPError) {
        perform(conversation.end(error))
    }

    // MARK: Sending

    /// Sends what is queued, in order.
    ///
    /// A descriptor waits until all earlier bytes have left, and until the reply to the one before it has come.
    private func sendQueue() {
        guard let context, ending == nil else { return }
        var sent = 0
        defer { queue.removeFirst(min(sent, queue.count)) }
        while sent < queue.count {
            let call = queue[sent]
            guard !call.answer.isResolved else {
                sent += 1
                continue
            }
            guard let passed = call.descriptor else {
                sent += 1
                write(call.bytes[...], context)
                continue
            }
            guard unfinishedWrites == 0, descriptorCall == nil else { return }
            let (count, code) = passed.send(call.bytes, on: descriptor.value)
            if count > 0 {
                sent += 1
                descriptorCall = call.id
                if count < call.bytes.count { write(call.bytes[count...], context) }
            } else if code == EAGAIN || code == 0 {
                let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
                context.eventLoop.scheduleTask(in: .milliseconds(2)) { loop.value.sendQueue() }
                return
            } else {
                sent += 1
                call.answer.resolve(
                    .failure(
                        QMPError(
                            code == EPIPE || code == ECONNRESET ? .disconnected : .system,
                            "the descriptor could not be sent to QEMU: \(String(cString: strerror(code)))")))
                forget(id: call.id)
            }
        }
    }

    private func write(_ bytes: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        unfinishedWrites += 1
        let loop = NIOLoopBound(self, eventLoop: context.eventLoop)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in
            loop.value.unfinishedWrites -= 1
            // Once more through the loop: the queue may be in the middle of being sent.
            if !loop.value.queue.isEmpty { loop.eventLoop.execute { loop.value.sendQueue() } }
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: promise)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        perform(conversation.receive(unwrapInboundIn(data).readableBytesView))
    }

    func channelInactive(context: ChannelHandlerContext) {
        perform(conversation.disconnect())
        self.context = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        perform(conversation.disconnect(cause: error))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        perform(conversation.disconnect())
        self.context = nil
    }

    private func perform(_ outputs: [Conversation.Output]) {
        for output in outputs {
            switch output {
            case .send(let bytes):
                if let context { write(bytes[...], context) }
            case .ready(let greeting):
                let peer = PeerCredentials(socket: descriptor.value)
                handshake.resolve(.success(Handshake(version: greeting.version, peer: peer)))
            case .reply(let id, let line):
                answer(id, .success(line))
            case .failure(let id, let error):
                answer(id, .failure(error))
            case .event(let event):
                events.publish(event)
            case .end(let error):
                end(error)
            }
        }
    }

    private func answer(_ id: UInt64, _ result: Result<[UInt8], QMPError>) {
        guard let call = waiting.removeValue(forKey: id) else { return }
        call.timer.cancel()
        call.answer.resolve(result)
        if id == descriptorCall {
            descriptorCall = nil
            sendQueue()
        }
    }

    private func end(_ error: QMPError) {
        ending = error
        queue.removeAll()
        descriptor.forget()
        handshake.resolve(.failure(error))
        events.finish(because: isClosing ? nil : error)
        context?.close(promise: nil)
    }
}
