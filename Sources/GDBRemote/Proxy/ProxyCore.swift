internal import NIOCore

/// The proxy without its sockets: events go in, actions come out.
///
/// One stub, one client that controls, any number that watch. The controller's packets go through as they are and in their
/// order; what watchers ask goes out in the gaps, with their own thread and memory mode, and the controller's are put back
/// before its next packet. Nothing is sent while the guest runs, since any byte would stop it.
struct ProxyCore {
    typealias ClientID = UInt64

    /// What is to be done.
    enum Action: Hashable, Sendable {
        case toStub([UInt8])
        case toClient(ClientID, [UInt8])
        /// Closes a client's connection when what was written has gone out.
        case closeClient(ClientID)
        case openStub
        case closeStub
        /// Works on a command of the proxy's own; output and end come back with its number.
        case startCommand(UInt64, String, GuestActivity)
        case cancelCommand(UInt64)
        case log(String)
    }

    /// How far the connection to the stub is.
    enum StubState: Hashable, Sendable {
        case closed
        case opening
        /// Its modes are asked for, before the controller's first packet.
        case greeting
        case open
        /// The controller has gone; the guest is put back.
        case restoring
        case closing
    }

    /// Whose packet it is that the stub will answer.
    enum Owner: Hashable, Sendable {
        case controller
        case watcher(ClientID)
        case proxy(Question)
        /// Somebody who has gone.
        case nobody
    }

    /// What the proxy itself asks.
    enum Question: Hashable, Sendable {
        case physicalMode
        case thread
        case version
        case status
        /// Whether what was asked before was ignored.
        case probe
        /// To let the guest go.
        case farewell
        /// Something whose answer says nothing.
        case change
    }

    /// A packet on its way.
    struct Exchange {
        var owner: Owner
        var request: WatcherRequest?
        var answer: ControlRequest.Answer
        var effect: ControlRequest.Effect?
        /// Whether QEMU may not answer at all; a question behind it shows that.
        var mayBeIgnored = false
    }

    /// The most packets on their way: QEMU's main loop blocks on a client that does not read.
    static let window = 64
    /// How long the stub has for an answer to the proxy itself, in nanoseconds.
    static let patience: UInt64 = 5_000_000_000
    /// How long a command may be silent before a debugger is told that it is worked on.
    static let keepAlive: UInt64 = 1_000_000_000

    /// The first word of monitor commands that are the proxy's own; nil for none.
    let commandPrefix: String?
    /// The process of the stub, where known.
    var stubProcess: Int32?
    /// The time, in nanoseconds of a clock that only goes forward.
    var now: UInt64 = 0
    var actions: [Action] = []

    var clients: [ClientID: ProxyClient] = [:]
    /// Watchers in the order in which they are served next.
    var turns: [ClientID] = []
    var controller: ClientID?
    var nextCommand: UInt64 = 1
    /// Whether the proxy is about to end.
    var isEnding = false

    var state = StubState.closed
    var cutter = RawPacketCutter(limit: PacketDecoder.limit)
    var flight = CircularBuffer<Exchange>()
    var usesAcks = true
    var acksOwed = 0
    /// When the stub must have answered what the proxy waits for.
    var deadline: UInt64?
    var session = ProxySession()

    init(commandPrefix: String? = nil) { self.commandPrefix = commandPrefix }

    /// Takes what is to be done.
    mutating func drain() -> [Action] {
        defer { actions.removeAll(keepingCapacity: true) }
        return actions
    }

    // MARK: What the guest does

    /// Whether the guest runs, so that nothing may be sent.
    var isRunning: Bool { session.hasLeft || session.mayRun || isRunInFlight }

    /// Whether the controller waits for the guest to stop.
    var isRunInFlight: Bool { flight.contains { $0.answer == .run } }

    /// What is known about the guest.
    var activity: GuestActivity {
        guard state == .open else { return .unattached }
        return isRunning ? .running : .stopped
    }

    // MARK: The stub

    /// The connection to the stub stands.
    ///
    /// - Parameter ran: Whether the guest ran before that, where somebody else than the stub knows.
    mutating func stubOpened(ran: Bool?) {
        guard state == .opening else { return }
        state = .greeting
        session = ProxySession()
        session.ran = ran
        cutter = RawPacketCutter(limit: PacketDecoder.limit)
        flight.removeAll()
        usesAcks = true
        acksOwed = 0
        deadline = now &+ ProxyCore.patience
        ask("qqemu.PhyMemMode", .physicalMode)
    }

    /// The stub cannot be connected to.
    mutating func stubFailed(_ reason: String) {
        guard state == .opening else { return }
        state = .closed
        if let controller { drop(controller, reason) } else { log(reason) }
    }

    /// The stub's connection has ended.
    mutating func stubClosed() {
        let wasExpected = state == .closing || state == .closed
        state = .closed
        deadline = nil
        flight.removeAll()
        for id in clients.keys { clients[id]?.inFlight = 0 }
        if wasExpected {
            if controller != nil, !isEnding { openStub() }
        } else {
            for id in clients.keys.sorted() {
                drop(id, "the GDB stub closed the connection: QEMU has ended, or its stub was removed")
            }
        }
        pump()
    }

    /// Bytes came from the stub.
    mutating func stubSent(_ bytes: UnsafeRawBufferPointer) {
        var events: [RawPacketCutter.Event] = []
        do throws(GDBError) {
            try cutter.receive(bytes) { events.append($0) }
        } catch {
            log("the stub speaks nonsense: \(error.message)")
            actions.append(.closeStub)
            return
        }
        for event in events {
            switch event {
            case .packet(let packet):
                acksOwed += 1
                takeReply(packet)
                // Other stubs than QEMU's wait for it.
                if usesAcks, !session.isQEMU { flushAcks() }
            case .broken: actions.append(.toStub([Packet.nack]))
            case .ack, .nack, .interrupt: break
            }
        }
        if state == .restoring { restore() }
        pump()
    }

    mutating func openStub() {
        state = .opening
        actions.append(.openStub)
    }

    mutating func closeStub() {
        state = .closing
        deadline = nil
        actions.append(.closeStub)
    }

    /// Sends a question of the proxy's own.
    mutating func ask(
        _ text: String, _ question: Question = .change, _ answer: ControlRequest.Answer = .single,
        effect: ControlRequest.Effect? = nil
    ) {
        post(RawPacket(text), Exchange(owner: .proxy(question), request: nil, answer: answer, effect: effect))
    }

    /// Sends a packet whose answer comes back to `exchange`'s owner.
    mutating func post(_ packet: RawPacket, _ exchange: Exchange) {
        var bytes: [UInt8] = []
        if usesAcks {
            // An ack never travels alone to QEMU. Two of them: had somebody else resumed the guest, the first is taken as
            // the ack, and the second is what stops the guest and is lost, not the packet.
            bytes = [UInt8](repeating: Packet.ack, count: session.isQEMU ? 2 : min(acksOwed, 1))
            acksOwed = 0
        }
        actions.append(.toStub(bytes + packet.bytes))
        guard exchange.answer != .none else { return }
        flight.append(exchange)
        // QEMU is silent about threads that it does not have.
        guard packet.begins(with: "qThreadExtraInfo,") else { return }
        flight[flight.index(before: flight.endIndex)].mayBeIgnored = true
        ask("qC", .probe)
    }

    private mutating func flushAcks() {
        if acksOwed > 0 { actions.append(.toStub([UInt8](repeating: Packet.ack, count: acksOwed))) }
        acksOwed = 0
    }

    /// Stops the running guest.
    mutating func interrupt() {
        // The stub takes one byte for the acknowledgement of what it sent last; the packet that let the guest run was one.
        let ack = usesAcks && acksOwed > 0 && !isRunInFlight ? [Packet.ack] : []
        acksOwed = 0
        actions.append(.toStub(ack + [Packet.interrupt]))
        if session.mayRun || session.hasLeft { (session.mayRun, session.hasLeft) = (false, false) }
    }

    // MARK: Words

    mutating func log(_ text: String) { actions.append(.log(text)) }
}
