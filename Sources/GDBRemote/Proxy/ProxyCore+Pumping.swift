internal import NIOCore

extension ProxyCore {
    /// Sends what may be sent: the controller's packets first, watchers' in the gaps.
    mutating func pump() {
        pumpController()
        pumpWatchers()
    }

    // MARK: The controller

    private mutating func pumpController() {
        guard state == .open, let id = controller else { return }
        while let client = clients[id], client.command == nil, let item = client.queue.first {
            switch item {
            case .interrupt:
                clients[id]?.dequeue()
                interrupt()
            case .packet(let packet):
                guard flight.count < ProxyCore.window, isTurn(of: packet) else { return }
                if let answer = ownAnswer(to: packet) {
                    guard client.inFlight == 0 else { return }
                    clients[id]?.dequeue()
                    reply(answer, to: id)
                } else if let command = command(in: packet) {
                    guard client.inFlight == 0 else { return }
                    clients[id]?.dequeue()
                    start(command, for: id)
                } else {
                    clients[id]?.dequeue()
                    forward(packet, of: id)
                }
            }
        }
    }

    /// Whether a packet may go to the stub now.
    ///
    /// While the guest runs it would stop the guest and be lost; only answers to the guest's file requests go out.
    private func isTurn(of packet: RawPacket) -> Bool { !isRunInFlight || packet.payload.first == 0x46 }

    private mutating func forward(_ packet: RawPacket, of id: ClientID) {
        var request = ControlRequest(packet)
        // Who says something after it let the guest go stops it again, as directly at QEMU's stub.
        session.hasLeft = false
        if !ProxyCore.continuesThreads(packet) { session.listingSince = nil }
        if packet.payload.first == 0x46, isRunInFlight {
            request.answer = .none
        } else {
            synchronise(thread: session.controllerThread, isPhysical: session.controllerPhysical)
        }
        if request.answer != .none { clients[id]?.inFlight += 1 }
        post(packet, Exchange(owner: .controller, request: nil, answer: request.answer, effect: request.effect))
    }

    /// Whether a packet goes on with a list of threads.
    private static func continuesThreads(_ packet: RawPacket) -> Bool { packet.equals("qsThreadInfo") }

    /// What the controller is told without the stub: what is the proxy's own, and what would end QEMU by mistake.
    private func ownAnswer(to packet: RawPacket) -> String? {
        if packet.equals("qinspectd.Proxy") { return description(role: "controller") }
        let features = session.features ?? []
        // QEMU aborts when it is told to go backwards and cannot.
        if packet.equals("bc"), !features.contains("ReverseContinue+") { return "" }
        if packet.equals("bs"), !features.contains("ReverseStep+") { return "" }
        // And crashes when it is to let go of a process that it does not have.
        if session.isQEMU, packet.begins(with: "D;"),
            HexText.number(packet.payload.dropFirst(2)) != session.process ?? 1
        {
            return "E22"
        }
        return nil
    }

    /// The proxy's own command in a packet for the monitor.
    private func command(in packet: RawPacket) -> String? {
        commandPrefix.flatMap { MonitorLine(packet)?.rest(after: $0) }
    }

    /// Gives the stub the thread and the memory mode that the next packet is meant for.
    mutating func synchronise(thread: [UInt8]?, isPhysical: Bool) {
        if session.isQEMU, session.stubPhysical != isPhysical {
            ask("Qqemu.PhyMemMode:\(isPhysical ? 1 : 0)")
            session.stubPhysical = isPhysical
        }
        if let thread, session.stubThread != thread {
            post(
                RawPacket(String(decoding: thread, as: UTF8.self)),
                Exchange(owner: .proxy(.change), request: nil, answer: .single, effect: nil))
            session.stubThread = thread
        }
    }

    // MARK: Watchers

    private mutating func pumpWatchers() {
        var idle = 0
        while idle < turns.count, let id = turns.first {
            turns.removeFirst()
            turns.append(id)
            idle = serve(id) ? 0 : idle + 1
        }
    }

    /// Whether the stub can take a watcher's packet now.
    private var hasGap: Bool {
        guard state == .open, !isRunning else { return false }
        let client = controller.flatMap { clients[$0] }
        guard let client, client.inFlight == 0, client.command != nil || client.queue.isEmpty else { return false }
        // While the controller waits for its own command nobody is held up by a long queue.
        return flight.count < (client.command != nil ? 32 : 4)
    }

    /// Takes one step for a watcher; false where there is nothing to do.
    private mutating func serve(_ id: ClientID) -> Bool {
        guard let client = clients[id], client.command == nil, case .packet(let packet)? = client.queue.first else {
            return false
        }
        if packet.equals("qinspectd.Proxy") { return answer(description(role: "watcher"), client) }
        if let command = command(in: packet) {
            guard client.inFlight == 0 else { return false }
            clients[id]?.dequeue()
            start(command, for: id)
            return true
        }
        let request = WatcherRequest(packet)
        switch request {
        case .reply(let text): return answer(text, client)
        case .detach: return answer("OK", client)
        case .haltReason: return answer(session.lastStop.map(\.text) ?? haltReason, client)
        case .queryPhysical where session.isQEMU: return answer(client.isPhysical ? "1" : "0", client)
        case .noAcks:
            let isDone = answer("OK", client)
            if isDone { clients[id]?.usesAcks = false }
            return isDone
        case .leave:
            drop(id, "it only watches, and wanted the guest to end")
            return true
        case .features where session.features != nil || state != .open:
            return answer(features, client)
        case .nextThreads where !client.threadParts.isEmpty:
            let part = clients[id]?.threadParts.removeFirst().text ?? "l"
            return answer(part, client)
        case .nextThreads: return answer("l", client)
        default: break
        }
        guard hasGap else {
            // Who waits for the controller's turn waits; who would wait for the guest to stop is told.
            guard state == .closed || (state == .open && isRunning) else { return false }
            return answer("E01", client)
        }
        if request == .firstThreads, let since = session.listingSince, now &- since < ProxyCore.keepAlive {
            return false
        }
        clients[id]?.dequeue()
        forward(packet, request, client)
        return true
    }

    /// What inspectd is told that finds this proxy where it looks for a stub.
    private func description(role: String) -> String {
        let guest =
            switch activity {
            case .stopped: "stopped"
            case .running: "running"
            case .unattached: "unattached"
            }
        return "role:\(role);guest:\(guest);process:\(HexText.text(UInt32(max(stubProcess ?? 0, 0))))"
    }

    /// What a watcher is told that the stub can do: processes only where its threads are named with them.
    private var features: String {
        let items = String(decoding: session.features ?? Array("PacketSize=1000".utf8), as: UTF8.self).split(
            separator: ";")
        return items.filter { $0 != "multiprocess+" || session.process != nil }.joined(separator: ";")
    }

    private var haltReason: String {
        let thread = session.controllerThread.map { String(decoding: $0.dropFirst(2), as: UTF8.self) } ?? "1"
        return "T05thread:\(thread);"
    }

    /// Answers a watcher without the stub, once its earlier requests are answered.
    private mutating func answer(_ text: String, _ client: ProxyClient) -> Bool {
        guard client.inFlight == 0 else { return false }
        clients[client.id]?.dequeue()
        reply(text, to: client.id)
        return true
    }

    private mutating func forward(_ packet: RawPacket, _ request: WatcherRequest, _ client: ProxyClient) {
        var answer = ControlRequest.Answer.single
        var packet = packet
        switch request {
        case .forward(let form):
            answer = form
            synchronise(thread: client.thread ?? session.controllerThread, isPhysical: client.isPhysical)
        case .monitor: answer = .monitor
        case .features: packet = RawPacket("qSupported:xmlRegisters=i386")
        case .setPhysical(let mode): session.stubPhysical = mode
        case .selectThread: session.stubThread = Array(packet.payload)
        case .firstThreads: clients[client.id]?.threadParts.removeAll()
        default: break
        }
        clients[client.id]?.inFlight += 1
        post(packet, Exchange(owner: .watcher(client.id), request: request, answer: answer, effect: nil))
    }

    /// The stub answered a watcher's request.
    mutating func takeWatcherReply(_ packet: RawPacket, _ id: ClientID, _ exchange: Exchange) {
        switch exchange.request {
        case .features?:
            session.features = Array(packet.payload)
            return reply(features, to: id)
        case .setPhysical(let mode)?:
            if packet.isOK { clients[id]?.isPhysical = mode } else { session.stubPhysical = !mode }
        case .selectThread?:
            if packet.isOK { clients[id]?.thread = session.stubThread } else { session.stubThread = nil }
        case .firstThreads?, .nextThreads?: return takeThreads(packet, id)
        default: break
        }
        reply(packet.bytes, to: id)
    }

    /// Collects the whole list of threads at once: the stub has one place in it for everybody.
    private mutating func takeThreads(_ packet: RawPacket, _ id: ClientID) {
        let isLast = packet.payload.first != 0x6D || (clients[id]?.threadParts.count ?? 0) >= 4096
        clients[id]?.threadParts.append(packet)
        guard isLast else {
            clients[id]?.inFlight += 1
            return post(
                RawPacket("qsThreadInfo"),
                Exchange(owner: .watcher(id), request: .nextThreads, answer: .single, effect: nil))
        }
        if let first = clients[id]?.threadParts.removeFirst() { reply(first.bytes, to: id) }
    }
}

extension [UInt8] {
    /// Whether a word is an item of a list that semicolons separate.
    fileprivate func contains(_ item: String) -> Bool {
        split(separator: 0x3B).contains { $0.elementsEqual(item.utf8) }
    }
}
