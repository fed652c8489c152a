internal import NIOCore
internal import NIOPosix
@_exported public import SocketTransport
internal import Synchronization

/// Where a QMP server listens.
public typealias QMPAddress = StreamAddress

/// A connection to a QMP server whose handshake is over.
///
/// Calls may be made from any task at the same time; each waits for its own reply. A cancelled or timed-out call leaves
/// the connection usable. The last reference closes the connection, ``close()`` does so at once.
public final class QMPClient: Sendable {
    /// Where the server listens.
    public let address: QMPAddress
    /// The server's version, from its greeting.
    public let version: QMPVersion
    /// The process at the other end; nil for TCP, and where it is not visible from here.
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
        let deadline = NIODeadline.now() + timeout.amount
        let number: CInt
        do { number = try await SocketConnector.connect(to: address, timeout: timeout) } catch { throw QMPError(error) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let handshake = OneShot<Handshake, QMPError>()
        let hub = EventHub()
        let descriptor = SocketDescriptor(number)
        let handler = NIOLoopBoundBox.makeBoxSendingValue(
            ConversationHandler(address: address, handshake: handshake, events: hub, descriptor: descriptor),
            as: ConversationHandler.self, eventLoop: loop)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(handler.value)
                    }
                }
                .withConnectedSocket(number).get()
        } catch {
            throw QMPError(.system, "the connection to \(address) could not be set up: \(error)", cause: error)
        }
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
        let passed = try PassedDescriptor(duplicating: fd)
        // QEMU keeps only the newest descriptor that came over a socket: the next one waits until this one has its name, also
        // where the caller is cancelled meanwhile.
        await passing.begin()
        let outcome: Result<Void, QMPError> = await Task { [self] in
            defer { passing.end() }
            do throws(QMPError) {
                _ = try await call(GetDescriptor(named: name), passing: passed, timeout: timeout)
                return .success(())
            } catch {
                return .failure(error)
            }
        }.value
        try outcome.get()
    }

    private func call<C: QMPCommand>(
        _ command: C, passing passed: PassedDescriptor?, timeout: Duration
    ) async throws(QMPError) -> [UInt8] {
        guard !Task.isCancelled else { throw .cancelled(C.name) }
        let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
        let answer = OneShot<[UInt8], QMPError>()
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

    /// The events from now on; they end with the connection and say why.
    ///
    /// A subscriber that is more than 1024 events behind loses the newest; see ``droppedEventCount``.
    public func events() -> QMPEvents { QMPEvents(client: self, hub: hub, stream: hub.subscribe()) }

    /// Why the connection ended; nil while it holds, and where this side closed it.
    public var endReason: QMPError? { hub.reason }

    /// How many events of a name came over this connection so far.
    ///
    /// Events that QEMU sent before a reply are counted when the reply is there.
    public func eventCount(_ name: String) -> Int { hub.count(of: name) }

    /// Closes the connection and returns when the socket is closed; pending calls fail with `.disconnected`.
    ///
    /// Safe to call again, and from a cancelled task.
    public func close() async {
        let handler = handler
        channel.eventLoop.execute { handler.value.close() }
        try? await channel.closeFuture.get()
    }
}

extension Duration {
    /// The same for NIO, cut to the range from 0 to 10 years, whose nanoseconds fit everywhere.
    var amount: TimeAmount {
        TimeAmount(min(max(self, .zero), .seconds(315_360_000)))
    }
}
