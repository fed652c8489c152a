internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A connection to a QMP server whose handshake is over.
///
/// Calls may be made from any task at the same time; each waits for its own reply. A cancelled or timed-out call leaves
/// the connection usable. The last reference closes the connection, ``close()`` does so at once.
public final class QMPClient: Sendable {
    /// Where the server listens.
    public let address: QMPAddress
    /// The server's version, from its greeting.
    public let version: QMPVersion
    /// The process at the other end; nil for TCP.
    public let peer: PeerCredentials?

    private let channel: any Channel
    private let handler: NIOLoopBoundBox<ConversationHandler>
    private let hub: EventHub
    private let descriptor: SocketDescriptor
    private let passing = Turn()
    private let nextID = Atomic<UInt64>(Conversation.negotiationID + 1)

    private init(
        address: QMPAddress, handshake: Handshake, channel: any Channel,
        handler: NIOLoopBoundBox<ConversationHandler>, hub: EventHub, descriptor: SocketDescriptor
    ) {
        self.address = address
        self.version = handshake.version
        self.peer = handshake.peer
        self.channel = channel
        self.handler = handler
        self.hub = hub
        self.descriptor = descriptor
    }

    deinit { channel.close(promise: nil) }

    /// Number of the connection's socket, -1 once it is closed.
    ///
    /// For a helper process that inherits it; whoever writes to it here garbles the connection.
    public var socketDescriptor: CInt { descriptor.value }

    /// How many events were dropped because a subscriber was too slow.
    public var droppedEventCount: Int { hub.dropped }

    // MARK: Connecting

    /// Connects, waits for the greeting and negotiates the capabilities.
    ///
    /// - Throws: ``QMPError``; after `timeout` without a greeting its code is `.busy`.
    public static func connect(
        to address: QMPAddress, timeout: Duration = .seconds(5)
    ) async throws(QMPError) -> QMPClient {
        guard !Task.isCancelled else { throw .cancelled("a connection to \(address)") }
        if case .unix(let path) = address { _ = try QMPAddress.checkedPath(path, in: path) }
        let deadline = NIODeadline.now() + timeout.amount
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let handshake = OneShot<Handshake>()
        let hub = EventHub()
        let descriptor = SocketDescriptor()
        let handler = NIOLoopBoundBox.makeBoxSendingValue(
            ConversationHandler(address: address, handshake: handshake, events: hub, descriptor: descriptor),
            as: ConversationHandler.self, eventLoop: loop)
        let channel = try await open(address, on: loop, within: timeout, handler)
        let timer = loop.scheduleTask(deadline: deadline) { handler.value.handshakeTimedOut() }
        let result = await withTaskCancellationHandler {
            await handshake.value()
        } onCancel: {
            handshake.resolve(.failure(.cancelled("a connection to \(address)")))
        }
        timer.cancel()
        do {
            return QMPClient(
                address: address, handshake: try result.get(), channel: channel, handler: handler, hub: hub,
                descriptor: descriptor)
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }

    /// Connects to a socket that is about to appear: tries again while there is none or nobody listens.
    ///
    /// - Throws: ``QMPError`` of the last attempt once `limit` has passed.
    public static func connect(
        to address: QMPAddress, retryingFor limit: Duration, timeout: Duration = .seconds(5)
    ) async throws(QMPError) -> QMPClient {
        let deadline = ContinuousClock.now + limit
        var pause = Duration.milliseconds(5)
        while true {
            do {
                return try await connect(to: address, timeout: timeout)
            } catch {
                guard error.code == .noSuchSocket || error.code == .refused, ContinuousClock.now < deadline else {
                    throw error
                }
            }
            try? await Task.sleep(for: min(pause, ContinuousClock.now.duration(to: deadline)))
            pause = min(pause * 2, .milliseconds(200))
        }
    }

    /// Connects, runs `body` and closes the connection on every path.
    public static func withConnection<R>(
        to address: QMPAddress, timeout: Duration = .seconds(5), isolation: isolated (any Actor)? = #isolation,
        _ body: (QMPClient) async throws -> R
    ) async throws -> R {
        let client = try await connect(to: address, timeout: timeout)
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }

    private static func open(
        _ address: QMPAddress, on loop: any EventLoop, within timeout: Duration,
        _ handler: NIOLoopBoundBox<ConversationHandler>
    ) async throws(QMPError) -> any Channel {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(timeout.amount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
        let future =
            switch address {
            case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
            case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
            }
        let opened = OneShot<any Channel>()
        future.whenComplete { result in
            switch result {
            case .success(let channel):
                if !opened.resolve(.success(channel)) { channel.close(promise: nil) }
            case .failure(let error):
                opened.resolve(.failure(.connecting(to: address, failedWith: error)))
            }
        }
        return try await withTaskCancellationHandler {
            await opened.value()
        } onCancel: {
            opened.resolve(.failure(.cancelled("a connection to \(address)")))
        }.get()
    }

    // MARK: Commands

    /// Sends a command and waits for its reply.
    ///
    /// - Throws: ``QMPError``: `.command` where QEMU refuses, `.timeout`, `.disconnected`, `.cancelled`, `.malformed`,
    ///   `.usage`. After a timeout or a cancellation the command may still take effect.
    public func execute<C: QMPCommand>(
        _ command: C, timeout: Duration = .seconds(10)
    ) async throws(QMPError) -> C.Reply {
        try ReplyValue<C.Reply>.decode(try await call(command, passing: nil, timeout: timeout), of: C.name)
    }

    /// Runs a line of the human monitor and returns what it prints, with LF as line end.
    ///
    /// The human monitor reports errors as ordinary text; the parsers of its replies recognise them.
    public func monitor(_ line: String, timeout: Duration = .seconds(10)) async throws(QMPError) -> String {
        MonitorText.normalised(try await execute(HumanMonitorCommand(line), timeout: timeout))
    }

    /// Gives QEMU a descriptor under a name (`getfd` with `SCM_RIGHTS`).
    ///
    /// The caller keeps its own descriptor and may close it as soon as this returns or throws.
    /// - Throws: ``QMPError`` with code `.usage` for a TCP connection or a number that is no open descriptor.
    public func passDescriptor(
        _ fd: CInt, named name: String, timeout: Duration = .seconds(10)
    ) async throws(QMPError) {
        guard case .unix = address else {
            throw QMPError(.usage, "descriptors can be passed over a UNIX socket only, not to \(address)")
        }
        // QEMU keeps only the newest descriptor that came over a socket: the next one waits until this one has its name.
        await passing.begin()
        defer { passing.end() }
        _ = try await call(
            GetDescriptor(named: name), passing: try PassedDescriptor(duplicating: fd), timeout: timeout)
    }

    private func call<C: QMPCommand>(
        _ command: C, passing passed: PassedDescriptor?, timeout: Duration
    ) async throws(QMPError) -> [UInt8] {
        guard !Task.isCancelled else { throw .cancelled(C.name) }
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        let answer = OneShot<[UInt8]>()
        let call = Call(
            id: id, command: C.name, bytes: try Request(command: command, id: id).line(), descriptor: passed,
            answer: answer)
        let loop = channel.eventLoop
        let handler = handler
        return try await withTaskCancellationHandler {
            loop.execute { handler.value.submit(call, timeout: timeout.amount) }
            return await answer.value()
        } onCancel: {
            if answer.resolve(.failure(.cancelled(C.name))) {
                loop.execute { handler.value.forget(id: id) }
            }
        }.get()
    }

    // MARK: Events and the end

    /// The events from now on; ends with the connection.
    ///
    /// A subscriber that is more than 1024 events behind loses the newest; see ``droppedEventCount``.
    public func events() -> AsyncStream<QMPEvent> { hub.subscribe() }

    /// How many events of a name came over this connection so far.
    ///
    /// Events that QEMU sent before a reply are counted when the reply is there.
    public func eventCount(_ name: String) -> Int { hub.count(of: name) }

    /// Closes the connection and returns when the socket is closed; pending calls fail with `.disconnected`.
    ///
    /// Safe to call again, and from a cancelled task.
    public func close() async {
        let handler = handler
        let address = address
        channel.eventLoop.execute { handler.value.finish(.disconnected(from: address)) }
        try? await channel.closeFuture.get()
    }
}

extension Duration {
    /// The same for NIO, cut to the range from 0 to 10 years, whose nanoseconds fit everywhere.
    var amount: TimeAmount {
        TimeAmount(min(max(self, .zero), .seconds(315_360_000)))
    }
}
