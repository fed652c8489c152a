internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import SocketTransport
internal import Synchronization

/// The proxy's sockets around its core.
///
/// Lives on its event loop: every property is touched there only.
final class ProxyHub: @unchecked Sendable {
    /// The most bytes that a client may leave unread.
    static let largestBacklog = 8 << 20
    /// How long the guest's being put back is waited for at the end.
    private static let patience = TimeAmount.milliseconds(2500)
    /// How long the end of a controller's connection may take to be seen after the same debugger connected anew.
    private static let overlap = TimeAmount.milliseconds(50)

    private let configuration: GDBProxy.Configuration
    private let loop: any EventLoop
    private var core: ProxyCore
    private var clients: [UInt64: ClientHandler] = [:]
    private var stub: StubHandler?
    /// Whether the guest ran before the stub was connected to, where known.
    private var guestRan: Bool?
    private var commands: [UInt64: Task<Void, Never>] = [:]
    private var lastClient: UInt64 = 0
    private var ticking: RepeatedTask?
    private var isPerforming = false
    private var endings: [EventLoopPromise<Void>] = []

    init(_ configuration: GDBProxy.Configuration, loop: any EventLoop) {
        self.configuration = configuration
        self.loop = loop
        core = ProxyCore(commandPrefix: configuration.commands?.prefix)
    }

    // MARK: From anywhere

    /// Takes over a connected socket of a client.
    ///
    /// A debugger that leaves and connects anew at once controls the guest again: the end of its old connection, which is on its way
    /// then, is waited for before the new one counts.
    func accept(_ descriptor: CInt, isPrivate: Bool) {
        let process = ClientProcessBox()
        loop.execute { [self] in
            if isPrivate || core.controller == nil { return admit(descriptor, process, isPrivate: isPrivate) }
            loop.scheduleTask(in: ProxyHub.overlap) { [self] in admit(descriptor, process, isPrivate: isPrivate) }
        }
        guard !isPrivate else { return }
        // Looked up while the client lives: afterwards nobody can tell which it was.
        process.set(PeerCredentials(socket: descriptor)?.pid ?? configuration.processBehind(descriptor))
    }

    private func admit(_ descriptor: CInt, _ process: ClientProcessBox, isPrivate: Bool) {
        guard !core.isEnding else {
            close(descriptor)
            return
        }
        let handler = ClientHandler(hub: self, process: process)
        // The pipeline is made before bytes are read.
        ClientBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1 << 16))
            .channelInitializer { [self] channel in
                lastClient += 1
                handler.id = lastClient
                clients[lastClient] = handler
                return channel.pipeline.addHandler(handler).map { [self] in
                    take { $0.clientOpened(handler.id, isPrivate: isPrivate) }
                }
            }
            .withConnectedSocket(descriptor)
            .whenFailure { [self] error in
                configuration.log("a client's connection could not be set up: \(error)")
                clients[handler.id] = nil
                take { $0.clientClosed(handler.id, isDeliberate: false) }
            }
    }

    /// Ends everything.
    func end() async {
        let promise = loop.makePromise(of: Void.self)
        loop.execute { [self] in
            endings.append(promise)
            take { $0.end() }
            loop.scheduleTask(in: ProxyHub.patience) { [self] in
                if !endings.isEmpty {
                    configuration.log("the GDB stub did not answer in time; look whether the guest runs")
                }
                finish()
            }
        }
        try? await promise.futureResult.get()
    }

    /// Ends everything some time soon.
    func endSoon() { loop.execute { [self] in take { $0.end() } } }

    // MARK: Events

    /// Lets the core take an event, and does what it says.
    func take(_ event: (inout ProxyCore) -> Void) {
        core.now = NIODeadline.now().uptimeNanoseconds
        event(&core)
        guard !isPerforming else { return }
        isPerforming = true
        while true {
            let actions = core.drain()
            guard !actions.isEmpty else { break }
            for action in actions { perform(action) }
            stub?.flush()
            for client in clients.values { client.flush() }
        }
        isPerforming = false
        tickWhereNeeded()
        if core.isEnding, core.state == .closed { finish() }
    }

    func clientClosed(_ handler: ClientHandler) {
        guard clients.removeValue(forKey: handler.id) != nil else { return }
        let isDeliberate = handler.process.isAlive
        take { $0.clientClosed(handler.id, isDeliberate: isDeliberate) }
    }

    /// The stub's socket is ready, and nothing was read from it yet.
    func stubActive(_ handler: StubHandler) {
        guard stub === handler else { return }
        let ran = guestRan
        take { $0.stubOpened(ran: ran) }
    }

    func stubClosed(_ handler: StubHandler) {
        guard stub === handler else { return }
        stub = nil
        take { $0.stubClosed() }
    }

    // MARK: Actions

    private func perform(_ action: ProxyCore.Action) {
        switch action {
        case .toStub(let bytes): stub?.write(bytes)
        case .toClient(let id, let bytes):
            guard let client = clients[id] else { return }
            client.write(bytes)
            if client.backlog > ProxyHub.largestBacklog {
                core.drop(id, "it does not read what it asked for")
            }
        case .closeClient(let id): clients.removeValue(forKey: id)?.close()
        case .openStub: openStub()
        case .closeStub:
            if let stub { stub.close() } else { loop.execute { [self] in take { $0.stubClosed() } } }
        case .startCommand(let number, let line, let guest): start(number, line, guest)
        case .cancelCommand(let number): commands[number]?.cancel()
        case .log(let text): configuration.log(text)
        }
    }

    private func openStub() {
        let configuration = configuration
        Task { [self] in
            let ran = await configuration.guestRuns()
            let result: Result<CInt, GDBError>
            do throws(GDBError) {
                result = .success(try await ProxyHub.connect(configuration))
            } catch {
                result = .failure(error)
            }
            loop.execute { [self] in
                switch result {
                case .success(let descriptor): stubConnected(descriptor, ran)
                case .failure(let error): take { $0.stubFailed(error.message) }
                }
            }
        }
    }

    private static func connect(_ configuration: GDBProxy.Configuration) async throws(GDBError) -> CInt {
        if await StubOccupancy.isHeld(configuration.stub, timeout: configuration.timeout) {
            throw GDBError(
                .busy,
                "another debugger holds the stub \(configuration.stub), which serves one at a time: detach that one first"
            )
        }
        do {
            return try await SocketConnector.connect(to: configuration.stub, timeout: configuration.timeout)
        } catch {
            throw GDBError(error)
        }
    }

    private func stubConnected(_ descriptor: CInt, _ ran: Bool?) {
        core.stubProcess = PeerCredentials(socket: descriptor)?.pid ?? configuration.processBehind(descriptor)
        let handler = StubHandler(hub: self)
        stub = handler
        guestRan = ran
        ClientBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1 << 17))
            .channelInitializer { $0.pipeline.addHandler(handler) }
            .withConnectedSocket(descriptor)
            .whenFailure { [self] error in
                stub = nil
                take { $0.stubFailed("the connection to \(configuration.stub) could not be set up: \(error)") }
            }
    }

    private func start(_ number: UInt64, _ line: String, _ guest: GuestActivity) {
        guard let run = configuration.commands?.run else { return take { $0.commandEnded(number) } }
        let request = ProxyCommands.Request(line: line, guest: guest) { [self] text in
            let bytes = Array(text.utf8)
            loop.execute { [self] in take { $0.commandSent(number, bytes) } }
        }
        commands[number] = Task { [self] in
            await run(request)
            loop.execute { [self] in
                commands[number] = nil
                take { $0.commandEnded(number) }
            }
        }
    }

    /// Lets time pass for the core while it waits for something.
    private func tickWhereNeeded() {
        let isNeeded = core.deadline != nil || !commands.isEmpty
        if isNeeded, ticking == nil {
            let step = TimeAmount.milliseconds(200)
            ticking = loop.scheduleRepeatedTask(initialDelay: step, delay: step) { [weak self] _ in
                self?.take { $0.tick() }
            }
        } else if !isNeeded {
            ticking?.cancel()
            ticking = nil
        }
    }

    private func finish() {
        ticking?.cancel()
        ticking = nil
        for task in commands.values { task.cancel() }
        for client in clients.values { client.close() }
        clients.removeAll()
        stub?.close()
        for promise in endings { promise.succeed() }
        endings.removeAll()
    }
}
