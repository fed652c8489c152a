/// The client's side of a QMP connection without its socket: bytes in, things to do out.
///
/// Greeting, then `qmp_capabilities`, then replies and events in any order. Once it has ended it ignores what follows.
struct Conversation: Sendable {
    /// How far the connection has come.
    enum Phase: Sendable, Equatable {
        case awaitingGreeting
        case negotiating
        case ready
        case ended
    }

    /// What the owner of the socket has to do.
    enum Output: Sendable {
        /// Send these bytes.
        case send([UInt8])
        /// The handshake is over.
        case ready(Greeting)
        /// Hand the reply's line to the call.
        case reply(id: UInt64, line: [UInt8])
        /// Fail the call.
        case failure(id: UInt64, QMPError)
        /// Publish the event.
        case event(QMPEvent)
        /// Close the connection; only the failures of pending calls follow.
        case end(QMPError)
    }

    /// The id of the negotiation; calls use numbers above.
    static let negotiationID: UInt64 = 0

    private(set) var phase = Phase.awaitingGreeting
    private var framer: LineFramer
    private var greeting: Greeting?
    private var pending: [UInt64: String] = [:]

    init(limit: Int = LineFramer.defaultLimit) { framer = LineFramer(limit: limit) }

    /// Notes that a request is on its way; its reply is awaited from now on.
    mutating func expect(id: UInt64, command: String) { pending[id] = command }

    /// Gives up a call: its reply will be dropped.
    mutating func forget(id: UInt64) { pending[id] = nil }

    /// Takes bytes from the socket.
    mutating func receive(_ bytes: some Collection<UInt8>) -> [Output] {
        guard phase != .ended else { return [] }
        framer.append(bytes)
        if phase == .awaitingGreeting, let error = Self.objection(to: framer.pending(atMost: 200)) {
            return end(error)
        }
        var outputs: [Output] = []
        do {
            while phase != .ended, let line = try framer.nextLine() {
                if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
                outputs += take(line)
            }
        } catch {
            outputs += end(error)
        }
        return outputs
    }

    /// Notes that the server is gone.
    mutating func disconnect(cause: (any Error)? = nil) -> [Output] {
        let message =
            switch phase {
            case .awaitingGreeting:
                "the server closed the connection before it greeted; check that the address is a QMP socket"
            case .negotiating: "the server closed the connection during the handshake; see what QEMU wrote"
            case .ready, .ended: "QEMU closed the QMP connection: it has ended or its monitor was removed"
            }
        return end(QMPError(.disconnected, message, cause: cause))
    }

    /// Ends the conversation from this side: every pending call fails with `error`.
    mutating func end(_ error: QMPError) -> [Output] {
        guard phase != .ended else { return [] }
        phase = .ended
        // The end comes first: who is told that a call failed must find the connection ended.
        return [.end(error)] + failPending(error)
    }

    private mutating func failPending(_ error: QMPError) -> [Output] {
        let ids = pending.keys.sorted()
        pending.removeAll()
        return ids.map { .failure(id: $0, error) }
    }

    private mutating func take(_ line: [UInt8]) -> [Output] {
        let message: ServerMessage
        do {
            message = try ServerMessage(line: line)
        } catch {
            return end(
                phase == .awaitingGreeting ? QMPError(.notQMP, error.message, cause: error.cause) : error)
        }
        switch (phase, message) {
        case (.awaitingGreeting, .greeting(let greeting)):
            return negotiate(greeting)
        case (.awaitingGreeting, .event(let event)):
            // QEMU 11 may tell one to a client that it has not greeted yet.
            return [.event(event)]
        case (.awaitingGreeting, _):
            return end(
                QMPError(
                    .notQMP,
                    "the server's first line is no QMP greeting: \"\(Excerpt.of(line))\"; "
                        + "check that the address is a QMP socket"))
        case (_, .greeting):
            return end(QMPError(.malformed, "the server greeted twice; reconnect"))
        case (_, .event(let event)):
            return [.event(event)]
        case (.negotiating, .reply(id: Self.negotiationID)):
            phase = .ready
            return greeting.map { [.ready($0)] } ?? []
        case (.negotiating, .failure(let id, let errorClass, let description))
        where id == Self.negotiationID || id == nil:
            return end(
                QMPError(
                    .command(class: errorClass),
                    "the server refused the handshake (qmp_capabilities): \(description); reconnect"))
        case (_, .reply(let id)):
            guard let id, pending.removeValue(forKey: id) != nil else { return [] }
            return [.reply(id: id, line: line)]
        case (_, .failure(let id?, let errorClass, let description)):
            guard let command = pending.removeValue(forKey: id) else { return [] }
            return [.failure(id: id, Self.refusal(of: command, errorClass, description))]
        case (_, .failure(nil, _, let description)):
            // Without an id nobody knows which request was at fault.
            return failPending(
                QMPError(.malformed, "the server could not read a request: \(Excerpt.of(description)); send it again"))
        }
    }

    private mutating func negotiate(_ greeting: Greeting) -> [Output] {
        self.greeting = greeting
        phase = .negotiating
        let enable = greeting.capabilities.contains("oob") ? ["oob"] : []
        do {
            return [.send(try Request(command: NegotiateCapabilities(enable: enable), id: Self.negotiationID).line())]
        } catch {
            return end(error)
        }
    }

    private static func refusal(of command: String, _ errorClass: String, _ description: String) -> QMPError {
        let advice =
            errorClass == "CommandNotFound" ? "; this version or build of QEMU does not have the command" : ""
        return QMPError(
            .command(class: errorClass), "QEMU refused \(command): \(Excerpt.printable(description))\(advice)")
    }

    /// What is wrong with a server's first bytes; nil where they may begin a greeting.
    private static func objection(to bytes: ArraySlice<UInt8>) -> QMPError? {
        let text = bytes.drop { $0 == 0x20 || $0 == 0x09 || $0 == 0x0a || $0 == 0x0d }
        guard let first = text.first, first != UInt8(ascii: "{") else { return nil }
        let guess =
            if text.starts(with: "QEMU ".utf8) {
                "this is QEMU's human monitor; start QEMU with -qmp instead of -monitor for this socket"
            } else if first == UInt8(ascii: "$") || first == UInt8(ascii: "+") {
                "this looks like a gdb stub; give the address of a -qmp socket"
            } else {
                "give the address of a -qmp socket"
            }
        return QMPError(.notQMP, "the server does not speak QMP, it began with \"\(Excerpt.of(text))\"; \(guess)")
    }
}
