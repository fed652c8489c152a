internal import NIOCore
internal import NIOPosix
internal import SocketTransport

/// A connection on which requests are made: the way from tasks to the event loop, with a limit on every wait.
final class StubLink: Sendable {
    let channel: any Channel
    let handler: GDBHandler
    /// How long an answer may take, where nothing else is said.
    let timeout: Duration

    private init(channel: any Channel, handler: GDBHandler, timeout: Duration) {
        self.channel = channel
        self.handler = handler
        self.timeout = timeout
    }

    /// Takes over a connected socket.
    static func open(_ descriptor: CInt, _ address: GDBAddress, timeout: Duration) async throws(GDBError) -> StubLink {
        let handler = GDBHandler()
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1 << 17))
                .channelInitializer { $0.pipeline.addHandler(handler) }
                .withConnectedSocket(descriptor).get()
            return StubLink(channel: channel, handler: handler, timeout: timeout)
        } catch {
            throw GDBError(.system, "the connection to \(address) could not be set up: \(error)", cause: error)
        }
    }

    /// Makes a request and reads its answer.
    ///
    /// - Parameter select: A request that goes right before it, and that must be granted.
    func ask<Request: StubRequest>(
        _ request: Request, after select: SelectThread? = nil, expectsStop: Bool = false, timeout: Duration? = nil
    ) async throws(GDBError) -> Request.Reply {
        let limit = timeout ?? self.timeout
        let first = PendingReply()
        let reply = PendingReply()
        let packet = Packet.encode(request.payload)
        let selection = select.map { Packet.encode($0.payload) }
        channel.eventLoop.execute { [handler] in
            if let selection { handler.send(selection, first) }
            handler.send(packet, reply, expectsStop: expectsStop)
        }
        if let select {
            let answer: StubAnswer
            do {
                answer = try await wait(for: first, limit, what: select.purpose)
            } catch {
                reply.resolve(.failure(error))
                throw error
            }
            do {
                try select.decode(answer)
            } catch {
                // The other one is about the wrong thread; its reply is dropped.
                reply.resolve(.failure(error))
                throw error
            }
        }
        return try request.decode(try await wait(for: reply, limit, what: request.purpose))
    }

    /// Waits for a reply; what comes too late is dropped when it comes, so that the order holds.
    func wait(for reply: PendingReply, _ timeout: Duration, what: String) async throws(GDBError) -> StubAnswer {
        let milliseconds = SocketConnector.milliseconds(timeout)
        let limit = channel.eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            reply.resolve(
                .failure(
                    GDBError(
                        .timeout,
                        "the GDB stub did not answer within \(Double(milliseconds) / 1000) s (asked for \(what)); was the "
                            + "guest resumed by someone else, or is QEMU stuck?")))
        }
        let outcome = await withTaskCancellationHandler {
            await reply.value()
        } onCancel: {
            reply.resolve(.failure(.cancelled))
        }
        limit.cancel()
        return try outcome.get()
    }

    /// Runs something on the event loop, soon.
    func run(_ body: @escaping @Sendable (GDBHandler) -> Void) {
        channel.eventLoop.execute { [handler] in body(handler) }
    }

    /// Runs something on the event loop and gives what it returns; nil when that has ended.
    func onLoop<Result: Sendable>(_ body: @escaping @Sendable (GDBHandler) -> Result) async -> Result? {
        try? await channel.eventLoop.submit { [handler] in body(handler) }.get()
    }

    /// Closes the socket, and returns when that is done.
    func close() async {
        let reply = PendingReply()
        channel.eventLoop.execute { [handler] in handler.close(reply) }
        let limit = channel.eventLoop.scheduleTask(in: .seconds(2)) {
            reply.resolve(.success(StubAnswer(payload: [])))
        }
        _ = await reply.value()
        limit.cancel()
    }

    /// Closes the socket some time soon.
    func closeSoon() {
        channel.eventLoop.execute { [handler] in handler.close(PendingReply()) }
    }
}
