internal import SocketTransport
internal import NIOCore

/// The protocol on its socket: replies go to requests in the order in which these were sent.
///
/// Lives on its event loop: every property is touched there only.
final class GDBHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What waits to be sent.
    private enum Outgoing {
        case exchange(Exchange)
        case read(MemoryRead)
    }

    /// The most bytes of replies on their way: QEMU's main loop, and QMP with it, blocks on a client that does not read,
    /// so that everything must fit into the socket's buffer.
    private static let largestBacklog = 144 << 10
    /// How often in a row a broken packet is asked for again.
    private static let mostRetries = 8

    private var decoder = PacketDecoder()
    private var outgoing = CircularBuffer<Outgoing>()
    private var waiting = CircularBuffer<Exchange>()
    /// Bytes of replies that are expected for `waiting`.
    private var backlog = 0
    /// How many of `waiting`, from the front, the stub has acknowledged.
    private var acknowledged = 0
    private var context: ChannelHandlerContext?
    private(set) var ending: GDBError?
    private var acksOwed = 0
    private var retries = 0
    private var hasReplied = false
    private var closing: [PendingReply] = []
    /// Whether more is about to be sent, so that one write will do.
    private var isGathering = false

    /// Whether every packet is answered by `+`.
    private var usesAcks = true
    /// The most requests on their way: stubs that wait for an acknowledgement take one at a time.
    private var window = 1
    /// The reply that a probe gets, and the packet that asks for it.
    private var probe: (packet: [UInt8], reply: [UInt8])?
    /// Whether the last stop reply that nobody asked for came before any reply.
    private(set) var stoppedUnasked = false
    /// The latest stop reply.
    private(set) var lastStop: [UInt8]?

    /// Whether the target runs because we let it run.
    private(set) var isRunning = false
    /// How the last run ended, until somebody takes it.
    private var stopOutcome: PendingReply.Outcome?
    private var stopWaiter: PendingReply?

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        do throws(GDBError) {
            if !hasReplied, buffer.readableBytesView.starts(with: "{\"QMP\"".utf8) {
                throw GDBError(
                    .notGDB, "this is a QMP socket, not a GDB stub: give it with --qmp, and the one of -gdb with --gdb")
            }
            var failure: GDBError?
            buffer.withUnsafeReadableBytes { bytes in
                do throws(GDBError) { try decoder.receive(bytes) { take($0) } } catch { failure = error }
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
        pump()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(GDBError(.disconnected, "the GDB stub closed the connection: QEMU has ended, or its stub was removed"))
        for reply in closing { reply.resolve(.success(StubAnswer(payload: []))) }
        closing.removeAll()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(GDBError(.disconnected, "the connection to the GDB stub broke: \(error)", cause: error))
    }

    /// Ends the connection: every pending request fails.
    func end(_ error: GDBError) {
        guard ending == nil else { return }
        ending = error
        for exchange in waiting { exchange.fail(error) }
        for item in outgoing {
            switch item {
            case .exchange(let exchange): exchange.fail(error)
            case .read(let read): read.abandon(error)
            }
        }
        waiting.removeAll()
        outgoing.removeAll()
        if isRunning { finishRun(.failure(error)) }
        context?.close(promise: nil)
    }

    /// Ends the connection, and resolves `reply` when the socket is closed.
    func close(_ reply: PendingReply) {
        let isOpen = context?.channel.isActive ?? false
        if isOpen { closing.append(reply) }
        end(GDBError(.disconnected, "the connection to the GDB stub was closed from this side"))
        if !isOpen { reply.resolve(.success(StubAnswer(payload: []))) }
    }

    // MARK: Sending

    /// Sends a request when its turn comes.
    func send(_ packet: [UInt8], _ reply: PendingReply, expectsStop: Bool = false) {
        if let error = reasonNotToSend {
            reply.resolve(.failure(error))
            return
        }
        probeIfDoubtful()
        let exchange = Exchange(purpose: .request(reply), packet: packet, replySize: 4096, expectsStop: expectsStop)
        outgoing.append(.exchange(exchange))
        pump()
    }

    /// Starts a read; it fails when the stub is silent for longer than `timeout`.
    func start(_ read: MemoryRead, timeout: TimeAmount) {
        if let error = reasonNotToSend { return read.abandon(error) }
        probeIfDoubtful()
        enqueue(read)
        pump()
        watch(read, timeout, after: timeout)
    }

    /// Stops a read; its outcome comes when everything on its way has arrived.
    func cancel(_ read: MemoryRead) {
        read.cancel(.cancelled)
        pump()
    }

    private func enqueue(_ read: MemoryRead) {
        guard !read.isQueued else { return }
        read.isQueued = true
        outgoing.append(.read(read))
    }

    private func watch(_ read: MemoryRead, _ timeout: TimeAmount, after delay: TimeAmount) {
        context?.eventLoop.scheduleTask(in: delay) { [weak self] in
            guard let self, !read.reply.isResolved else { return }
            let idle = NIODeadline.now() - read.lastProgress
            guard idle >= timeout else { return self.watch(read, timeout, after: timeout - idle) }
            read.abandon(
                GDBError(
                    .timeout,
                    "the GDB stub did not answer a read within \(Double(timeout.nanoseconds) / 1e9) s; was the guest "
                        + "resumed by someone else, or is QEMU stuck?"))
            self.pump()
        }
    }

    /// Sends everything that `body` asks for in one write, as far as the stub takes so much at once.
    func together(_ body: (GDBHandler) -> Void) {
        isGathering = true
        body(self)
        isGathering = false
        pump()
    }

    /// Lets the target run; ``takeStop(_:)`` says when it stops.
    func run(_ packet: [UInt8], _ started: PendingReply) {
        if let error = reasonNotToSend {
            started.resolve(.failure(error))
            return
        }
        isRunning = true
        stopOutcome = nil
        let exchange = Exchange(purpose: .run, packet: packet, replySize: 4096, expectsStop: true)
        outgoing.append(.exchange(exchange))
        pump()
        started.resolve(.success(StubAnswer(payload: [])))
    }

    /// Stops the target with the byte that is no packet; does nothing where it does not run.
    func interrupt() {
        if isRunning { write([Packet.interrupt]) }
    }

    /// Gives the end of a run to `reply`, now or when it comes.
    func takeStop(_ reply: PendingReply) {
        if let outcome = stopOutcome {
            if reply.resolve(outcome) { stopOutcome = nil }
        } else if isRunning {
            stopWaiter = reply
        } else {
            reply.resolve(
                .failure(ending ?? GDBError(.usage, "the target does not run: resume it before waiting for its stop")))
        }
    }

    /// Turns acknowledgements off; the reply that agreed to it is itself acknowledged.
    func stopAcks() {
        write([Packet.ack])
        acksOwed = 0
        usesAcks = false
    }

    /// Allows several requests on their way, and learns a question with which lost ones are noticed.
    func startPipelining(window: Int, probe: (packet: [UInt8], reply: [UInt8])) {
        self.window = min(max(window, 1), 64)
        self.probe = probe
    }

    /// Sends bytes as they are.
    func write(_ bytes: [UInt8]) {
        context?.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private var reasonNotToSend: GDBError? {
        if let ending { return ending }
        guard isRunning else { return nil }
        return GDBError(
            .usage,
            "the target runs, and a stub answers only while it stands still: interrupt it first, or wait for its stop")
    }

    /// After a request that got no reply it is unknown whether one still comes: a probe's answer tells.
    private func probeIfDoubtful() {
        if waiting.contains(where: \.isAbandoned) { sendProbe() }
    }

    /// Sends the probe, whatever is on its way already.
    private func sendProbe() {
        guard let probe, !isProbing else { return }
        var bytes: [UInt8] = []
        post(Exchange(purpose: .probe, packet: probe.packet, replySize: probe.reply.count), &bytes)
        write(bytes)
    }

    private var isProbing: Bool {
        waiting.contains { if case .probe = $0.purpose { true } else { false } }
    }

    /// Sends what may be sent, in one write.
    private func pump() {
        guard ending == nil, context != nil, !isGathering else { return }
        var bytes: [UInt8] = []
        filling: while let item = outgoing.first {
            switch item {
            case .exchange(let exchange):
                // Nobody wants it any more, and nobody was asked yet.
                if exchange.isAbandoned {
                    outgoing.removeFirst()
                    continue
                }
                guard hasRoom(for: exchange.replySize) else { break filling }
                outgoing.removeFirst()
                post(exchange, &bytes)
            case .read(let read):
                // Half a window at once, so that the stub never runs dry and is not woken for every packet.
                if waiting.count > window / 2 || backlog > GDBHandler.largestBacklog / 2 { break filling }
                while hasRoom(for: read.replySize), let request = read.nextRequest() {
                    let exchange = Exchange(
                        purpose: .memory(read, request.piece), packet: request.packet, replySize: request.replySize)
                    post(exchange, &bytes)
                }
                outgoing.removeFirst()
                read.isQueued = !read.isExhausted
                // To the end of the queue, so that short requests do not wait for long reads.
                if read.isQueued {
                    outgoing.append(.read(read))
                    break filling
                }
            }
        }
        if !bytes.isEmpty { write(bytes) }
    }

    private func hasRoom(for size: Int) -> Bool {
        waiting.isEmpty || (waiting.count < window && backlog + size < GDBHandler.largestBacklog)
    }

    private func post(_ exchange: Exchange, _ bytes: inout [UInt8]) {
        // An ack never travels alone: on TCP it would wait for the peer's. And QEMU's packets never go without two: should
        // someone have resumed the guest, one is taken for the reply before, and the next byte stops the guest and is lost.
        if usesAcks, bytes.isEmpty {
            let least = probe == nil ? 1 : 2
            bytes.append(contentsOf: repeatElement(Packet.ack, count: min(max(acksOwed, least), 64)))
            acksOwed = 0
        }
        bytes += exchange.packet
        backlog += exchange.replySize
        waiting.append(exchange)
    }

    // MARK: Receiving

    private func take(_ event: PacketDecoder.Event) {
        guard ending == nil else { return }
        switch event {
        case .packet(let payload):
            acksOwed += 1
            takePacket(payload)
        case .broken: takeBroken()
        case .nack: takeNack()
        case .ack: acknowledged = min(acknowledged + 1, waiting.count)
        case .notification, .interrupt: break
        }
    }

    /// Takes the exchange at the front out of the queue.
    private func popWaiting() -> Exchange? {
        guard let exchange = waiting.popFirst() else { return nil }
        backlog -= exchange.replySize
        acknowledged = max(0, acknowledged - 1)
        return exchange
    }

    private func takePacket(_ payload: UnsafeRawBufferPointer) {
        let isForRun = if case .run? = waiting.first?.purpose { true } else { false }
        let expectsStop = waiting.first?.expectsStop ?? false
        if !expectsStop, !takesAnything, StopReply.isStop(payload) {
            lastStop = Array(payload.prefix(4096))
            if !hasReplied { stoppedUnasked = true }
            // Either someone stopped a guest that stood still for us, or our request stopped a guest that someone had
            // resumed, and is lost.
            if hasReplied, !waiting.isEmpty { sendProbe() }
            return
        }
        guard !waiting.isEmpty else { return }
        if takeConsole(payload) { return }
        hasReplied = true
        retries = 0
        if let probe, isProbing, payload.elementsEqual(probe.reply) { return takeProbe() }
        let exchange = popWaiting()
        if isForRun {
            lastStop = Array(payload.prefix(4096))
            finishRun(.success(StubAnswer(payload: Array(payload))))
        } else {
            exchange?.succeed(payload)
            requeue(exchange)
        }
    }

    /// Lets a read ask for what it did not get.
    private func requeue(_ exchange: Exchange?) {
        if case .memory(let read, _)? = exchange?.purpose, !read.isExhausted { enqueue(read) }
    }

    /// Whether the next reply may hold any bytes at all, a stop reply's as well.
    private var takesAnything: Bool {
        guard case .memory(let read, _)? = waiting.first?.purpose else { return false }
        return read.isPlain
    }

    /// Console output: `O` and hexadecimal digits; `OK` is a reply.
    private func takeConsole(_ payload: UnsafeRawBufferPointer) -> Bool {
        guard !takesAnything, payload.count > 2, payload[0] == 0x4F,
            let text = HexText.decode(Array(payload.dropFirst()))
        else { return false }
        let start = waiting.startIndex
        if waiting[start].console.count + text.count <= PacketDecoder.limit { waiting[start].console += text }
        return true
    }

    /// What was sent before the probe and is still without a reply will never get one.
    private func takeProbe() {
        let lost = GDBError(
            .interrupted,
            "the GDB stub lost a request, because someone had resumed the guest meanwhile; it stands still again: try again"
        )
        while let exchange = popWaiting() {
            if case .probe = exchange.purpose { return }
            exchange.lose(lost)
            requeue(exchange)
        }
    }

    private func finishRun(_ outcome: PendingReply.Outcome) {
        isRunning = false
        if let waiter = stopWaiter, waiter.resolve(outcome) {
            stopWaiter = nil
            return
        }
        stopWaiter = nil
        stopOutcome = outcome
    }

    // MARK: Errors on the line

    private func takeBroken() {
        retries += 1
        guard retries <= GDBHandler.mostRetries else {
            return end(GDBError(.malformed, "every packet of the stub has a wrong checksum; is it a GDB stub?"))
        }
        // A stub sends its latest packet again: with several on their way that would be the wrong one.
        if usesAcks, waiting.count <= 1 { return write([Packet.nack]) }
        acksOwed += 1
        let exchange = popWaiting()
        exchange?.lose(GDBError(.malformed, "the stub's reply came with a wrong checksum; try again"))
        requeue(exchange)
    }

    private func takeNack() {
        retries += 1
        guard retries <= GDBHandler.mostRetries else {
            return end(GDBError(.malformed, "the stub rejects every packet; is it a GDB stub?"))
        }
        guard acknowledged < waiting.count else { return }
        // Those behind it were taken: its reply comes after theirs.
        let rejected = waiting.remove(at: waiting.index(waiting.startIndex, offsetBy: acknowledged))
        waiting.append(rejected)
        write(rejected.packet)
    }
}
