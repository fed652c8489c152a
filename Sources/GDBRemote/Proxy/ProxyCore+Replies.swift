extension ProxyCore {
    /// A packet came from the stub.
    mutating func takeReply(_ packet: RawPacket) {
        let isEnd = packet.payload.first == 0x57 || packet.payload.first == 0x58
        if packet.begins(with: "QC"), flight.first?.mayBeIgnored == true { takeReply(RawPacket("E22")) }
        guard let exchange = flight.first else { return takeUnasked(packet) }
        switch exchange.answer {
        case .monitor where packet.isConsole && !packet.isOK: return takeConsole(packet, of: exchange)
        case .run where packet.isConsole || packet.payload.first == 0x46:
            // Output of the guest, or a file request, while it runs.
            return toController(packet)
        case .single, .monitor, .none:
            // Somebody stopped a guest that ran, or the machine ends: no answer to what was asked.
            if packet.isStop { return takeUnasked(packet) }
        case .bytes, .stop, .run: break
        }
        flight.removeFirst()
        if packet.isStop, exchange.answer == .run || exchange.answer == .stop {
            session.lastStop = packet
            session.hasEnded = isEnd
            if exchange.answer == .run { noteStop(packet) }
        }
        switch exchange.owner {
        case .controller:
            if exchange.answer != .run, exchange.effect != .monitorResumes { session.mayRun = false }
            apply(exchange.effect, packet)
            if let controller { clients[controller]?.inFlight -= 1 }
            toController(packet)
            if exchange.effect == .noAcks, packet.isOK, let controller {
                clients[controller]?.usesAcks = false
                actions.append(.toStub([Packet.ack]))
                (usesAcks, acksOwed) = (false, 0)
            }
        case .watcher(let id):
            clients[id]?.inFlight -= 1
            takeWatcherReply(packet, id, exchange)
        case .proxy(let question):
            apply(exchange.effect, packet)
            takeAnswer(packet, question)
        case .nobody: apply(exchange.effect, packet)
        }
    }

    /// After a stop by a breakpoint or a step the stub works on the thread that stopped.
    private mutating func noteStop(_ packet: RawPacket) {
        guard packet.begins(with: "T05") else { return }
        let fields = packet.text.dropFirst(3).split(separator: ";")
        // QEMU 11 names the core instead, with the same number.
        let named = fields.first { $0.hasPrefix("thread:") } ?? fields.first { $0.hasPrefix("core:") }
        guard let thread = named?.split(separator: ":").last else { return }
        session.controllerThread = Array("Hg\(thread)".utf8)
        session.stubThread = session.controllerThread
    }

    private mutating func apply(_ effect: ControlRequest.Effect?, _ packet: RawPacket) {
        switch effect {
        case .clearAllBreakpoints?: session.breakpoints.removeAll()
        case .features(let usesProcesses)?:
            session.features = Array(packet.payload)
            if usesProcesses, session.isQEMU { session.process = session.process ?? 1 }
        case .monitorResumes?: session.mayRun = true
        case .threads?: session.listingSince = packet.payload.first == 0x6D ? now : nil
        case .physicalMode(let mode)? where packet.isOK:
            (session.controllerPhysical, session.stubPhysical) = (mode, mode)
        case .thread(let thread)? where packet.isOK:
            (session.controllerThread, session.stubThread) = (thread, thread)
        case .setBreakpoint(let key)? where packet.isOK:
            if !session.breakpoints.contains(key) { session.breakpoints.append(key) }
        case .clearBreakpoint(let key)? where packet.isOK: session.breakpoints.removeAll { $0 == key }
        case .detach? where packet.isOK:
            (session.hasLeft, session.ran) = (true, true)
            session.breakpoints.removeAll()
        default: break
        }
    }

    private mutating func takeConsole(_ packet: RawPacket, of exchange: Exchange) {
        switch exchange.owner {
        case .controller: toController(packet)
        case .watcher(let id): reply(packet.bytes, to: id)
        case .proxy(let question):
            let text = String(decoding: HexText.decode(Array(packet.payload.dropFirst())) ?? [], as: UTF8.self)
            if question == .version { session.version += text.prefix(256) }
            if question == .status { session.status += text.prefix(256) }
        case .nobody: break
        }
    }

    /// A packet that nobody asked for.
    private mutating func takeUnasked(_ packet: RawPacket) {
        guard packet.isStop else { return toController(packet) }
        if packet.payload.first == 0x57 || packet.payload.first == 0x58 {
            session.hasEnded = true
            toController(packet)
        } else if state == .greeting {
            // QEMU up to 8 says that connecting stopped the guest. The client gets it where it would come: first.
            session.unaskedStop = session.unaskedStop ?? packet
        }
        // A stop that comes otherwise would be taken for the answer to whatever the client asks next.
    }

    private mutating func takeAnswer(_ packet: RawPacket, _ question: Question) {
        switch question {
        case .physicalMode:
            session.isQEMU = packet.equals("0") || packet.equals("1")
            session.initialPhysical = packet.equals("1")
            session.controllerPhysical = session.initialPhysical
            session.stubPhysical = session.initialPhysical
        case .thread:
            guard packet.begins(with: "QC") else { break }
            let thread = packet.text.dropFirst(2)
            session.process = ThreadID(thread)?.process
            session.controllerThread = Array("Hg\(thread)".utf8)
            session.stubThread = session.controllerThread
        case .farewell:
            if !packet.isOK { log("the GDB stub did not let the guest go (\(packet.text)): resume it with 'cont'") }
        case .version, .status, .probe, .change: break
        }
        if state == .greeting { greet(after: question) }
    }

    /// Asks the next question: one at a time, since other stubs than QEMU's take no more.
    private mutating func greet(after question: Question) {
        switch question {
        case .physicalMode: ask("qC", .thread)
        case .thread where session.ran == nil: ask(MonitorLine.packet("info version"), .version, .monitor)
        case .version: ask(MonitorLine.packet("info status"), .status, .monitor)
        default: endGreeting()
        }
    }

    private mutating func endGreeting() {
        if session.ran == nil {
            session.ran = PriorRunState.ran(
                saidStop: session.unaskedStop != nil, version: session.version, status: session.status)
        }
        deadline = nil
        guard let controller, !isEnding else { return beginRestoring(isLeftAsItIs: false) }
        state = .open
        if case .packet(let packet)? = clients[controller]?.queue.first { announceStop(to: controller, before: packet) }
        let held = clients[controller]?.acksHeld ?? 0
        if held > 0 { actions.append(.toClient(controller, [UInt8](repeating: Packet.ack, count: held))) }
        clients[controller]?.acksHeld = 0
    }

    /// Gives the controller the stop that the stub announced by itself, before its first packet is acknowledged.
    ///
    /// Not to LLDB, which begins with this packet and takes a stop for its reply: from QEMU 10 on there is none anyway.
    mutating func announceStop(to id: ClientID, before packet: RawPacket) {
        guard let stop = session.unaskedStop else { return }
        session.unaskedStop = nil
        if !packet.equals("QStartNoAckMode") { reply(stop.bytes, to: id) }
    }

    // MARK: To clients

    /// Sends a packet to a client.
    mutating func reply(_ bytes: [UInt8], to id: ClientID) {
        guard clients[id] != nil else { return }
        actions.append(.toClient(id, bytes))
        clients[id]?.lastReply = bytes
        clients[id]?.awaitsAck = true
    }

    /// Sends a packet of text to a client.
    mutating func reply(_ text: String, to id: ClientID) { reply(Packet.encode(text), to: id) }

    private mutating func toController(_ packet: RawPacket) {
        if let controller, state == .open { reply(packet.bytes, to: controller) }
    }
}
