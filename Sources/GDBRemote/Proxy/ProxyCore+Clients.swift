internal import NIOCore

extension ProxyCore {
    /// A client connected.
    mutating func clientOpened(_ id: ClientID, isPrivate: Bool) {
        let controls = !isPrivate && controller == nil && !isEnding
        clients[id] = ProxyClient(id: id, isPrivate: isPrivate, isController: controls)
        guard controls else {
            turns.append(id)
            if !isPrivate { log("client \(id) came, and watches only: client \(controller ?? 0) controls the guest") }
            return
        }
        controller = id
        log("client \(id) came, and controls the guest")
        if state == .closed { openStub() }
    }

    /// Bytes came from a client.
    mutating func clientSent(_ id: ClientID, _ bytes: UnsafeRawBufferPointer) {
        guard var cutter = clients[id]?.cutter else { return }
        var events: [RawPacketCutter.Event] = []
        do throws(GDBError) {
            try cutter.receive(bytes) { events.append($0) }
        } catch {
            return drop(id, error.message)
        }
        clients[id]?.cutter = cutter
        guard cutter.strayCount <= ProxyClient.mostStrayBytes else {
            return drop(id, "it does not speak the GDB remote protocol")
        }
        for event in events {
            guard take(event, from: id) else { return drop(id, "it sends more than it waits for answers to") }
        }
        pump()
    }

    /// Takes one thing that a client sent; false where too much waits.
    private mutating func take(_ event: RawPacketCutter.Event, from id: ClientID) -> Bool {
        guard let client = clients[id] else { return true }
        switch event {
        case .packet(let packet):
            if client.isController, client.usesAcks, state != .open {
                // Acknowledged when the stub is there: what it says by itself comes before that, and gdb, which waits for the
                // acknowledgement, passes over it. What is sent again meanwhile is the same packet.
                if case .packet(packet)? = client.queue.last { return true }
                clients[id]?.acksHeld += 1
            } else {
                if client.isController { announceStop(to: id, before: packet) }
                if client.usesAcks { actions.append(.toClient(id, [Packet.ack])) }
            }
            clients[id]?.awaitsAck = false
            return clients[id]?.enqueue(.packet(packet)) ?? true
        case .broken:
            if client.usesAcks { actions.append(.toClient(id, [Packet.nack])) }
        case .ack: clients[id]?.awaitsAck = false
        case .nack:
            if client.usesAcks, client.awaitsAck { actions.append(.toClient(id, client.lastReply)) }
        case .interrupt:
            if let command = client.command {
                actions.append(.cancelCommand(command))
            } else if client.isController {
                return clients[id]?.enqueue(.interrupt) ?? true
            }
        }
        return true
    }

    /// A client's connection has ended.
    ///
    /// - Parameter isDeliberate: Whether the client's process lives, so that it closed the connection because it meant to.
    mutating func clientClosed(_ id: ClientID, isDeliberate: Bool) {
        guard let client = remove(id) else { return }
        if !client.isPrivate { log("client \(id) left") }
        if client.isController { controllerLeft(client, isDeliberate: isDeliberate) }
        pump()
    }

    /// Ends a client's connection from this side.
    mutating func drop(_ id: ClientID, _ reason: String) {
        guard let client = remove(id) else { return }
        actions.append(.closeClient(id))
        log("client \(id) was let go: \(reason)")
        if client.isController { controllerLeft(client, isDeliberate: false) }
    }

    private mutating func remove(_ id: ClientID) -> ProxyClient? {
        guard let client = clients.removeValue(forKey: id) else { return nil }
        turns.removeAll { $0 == id }
        if let command = client.command { actions.append(.cancelCommand(command)) }
        let owner = client.isController ? Owner.controller : .watcher(id)
        for index in flight.indices where flight[index].owner == owner { flight[index].owner = .nobody }
        if client.isController { controller = nil }
        return client
    }

    /// Ends all connections; the guest is put back first.
    mutating func end() {
        isEnding = true
        for id in clients.keys.sorted() {
            guard let client = remove(id) else { continue }
            actions.append(.closeClient(id))
            if client.isController { controllerLeft(client, isDeliberate: false) }
        }
    }

    /// Time passes.
    mutating func tick() {
        for (id, client) in clients {
            guard client.command != nil, now &- client.lastOutput >= ProxyCore.keepAlive else { continue }
            // Console output of no characters: a debugger waits on.
            reply("O", to: id)
            clients[id]?.lastOutput = now
        }
        guard let deadline, now >= deadline else { return }
        self.deadline = nil
        switch state {
        case .greeting:
            if let controller {
                drop(
                    controller,
                    "the GDB stub took the connection but answers nothing: another debugger holds it, or QEMU is stuck")
            }
            closeStub()
        case .restoring where !session.isForced && !session.isPuttingBack:
            // What was never answered is not waited for any longer.
            session.isForced = true
            flight.removeAll()
            self.deadline = now &+ ProxyCore.patience
            restore()
        case .restoring:
            log("the GDB stub does not answer, so that the guest could not be put back: look at it with 'info status'")
            closeStub()
        default: break
        }
    }

    // MARK: Commands of the proxy's own

    /// Begins to work on a client's command.
    mutating func start(_ command: String, for id: ClientID) {
        let number = nextCommand
        nextCommand += 1
        clients[id]?.command = number
        clients[id]?.lastOutput = now
        actions.append(.startCommand(number, command, activity))
    }

    /// Output of a command came.
    mutating func commandSent(_ number: UInt64, _ bytes: [UInt8]) {
        guard let id = clients.first(where: { $0.value.command == number })?.key else { return }
        var rest = bytes[...]
        while !rest.isEmpty {
            reply("O" + String(decoding: HexText.encode(rest.prefix(1024)), as: UTF8.self), to: id)
            rest = rest.dropFirst(1024)
        }
        clients[id]?.lastOutput = now
    }

    /// A command has ended.
    mutating func commandEnded(_ number: UInt64) {
        guard let id = clients.first(where: { $0.value.command == number })?.key else { return }
        clients[id]?.command = nil
        reply("OK", to: id)
        pump()
    }
}
