@testable import GDBRemote

/// The proxy's core between a model of QEMU's stub and clients made of bytes: no sockets, no time of its own.
struct ProxyModel {
    var core = ProxyCore(commandPrefix: "fi")
    /// What the stub is: it sees packets one after the other.
    var stub: StubModel
    /// What each client got, as text.
    private(set) var received: [UInt64: String] = [:]
    private(set) var closed: [UInt64] = []
    private(set) var commands: [(number: UInt64, line: String, guest: GuestActivity)] = []
    private(set) var cancelled: [UInt64] = []
    private(set) var logs: [String] = []
    private(set) var connections = 0
    /// How many bytes go at a time, in both directions.
    var fragment = Int.max
    /// Whether the stub keeps its answers back.
    var isStubSilent = false
    /// What QMP says.
    var ran: Bool?
    private var isConnected = false

    init(_ stub: StubModel = StubModel()) { self.stub = stub }

    /// A client connects.
    mutating func open(_ id: UInt64, isPrivate: Bool = false) {
        core.clientOpened(id, isPrivate: isPrivate)
        settle()
    }

    /// A client sends bytes.
    mutating func send(_ id: UInt64, _ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(fragment))
            part.withUnsafeBytes { core.clientSent(id, $0) }
            rest = rest.dropFirst(part.count)
            settle()
        }
    }

    /// A client sends a packet; what it got since then, without acknowledgements.
    mutating func ask(_ id: UInt64, _ text: String) -> [String] {
        _ = take(id)
        send(id, Packet.encode(text))
        return packets(id)
    }

    /// A client's connection ends.
    mutating func leave(_ id: UInt64, isDeliberate: Bool = false) {
        core.clientClosed(id, isDeliberate: isDeliberate)
        settle()
    }

    /// The bytes that a client got, and forgets them.
    mutating func take(_ id: UInt64) -> String {
        defer { received[id] = "" }
        return received[id] ?? ""
    }

    /// The packets that a client got, and forgets them.
    mutating func packets(_ id: UInt64) -> [String] {
        take(id).split(separator: "$").dropFirst(0).compactMap { part in
            part.contains("#") ? String(part.prefix { $0 != "#" }) : nil
        }
    }

    /// The guest stops at a breakpoint.
    mutating func hit(_ stop: String) {
        stub.isRunning = false
        stub.replies.append(stop)
        settle()
    }

    /// Time passes.
    mutating func wait(milliseconds: UInt64) {
        core.now += milliseconds * 1_000_000
        core.tick()
        settle()
    }

    mutating func finish(_ number: UInt64, _ output: String...) {
        for text in output { core.commandSent(number, Array(text.utf8)) }
        core.commandEnded(number)
        settle()
    }

    mutating func end() {
        core.end()
        settle()
    }

    /// The stub's side ends.
    mutating func loseStub() {
        isConnected = false
        core.stubClosed()
        settle()
    }

    /// Does what the core says until it says nothing more.
    mutating func settle() {
        while true {
            let actions = core.drain()
            for action in actions { perform(action) }
            let replies = isStubSilent ? [] : stub.takeReplies()
            if actions.isEmpty, replies.isEmpty { return }
            guard isConnected else { continue }
            var rest = replies[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(fragment))
                part.withUnsafeBytes { core.stubSent($0) }
                rest = rest.dropFirst(part.count)
            }
        }
    }

    private mutating func perform(_ action: ProxyCore.Action) {
        switch action {
        case .toStub(let bytes): stub.receive(bytes)
        case .toClient(let id, let bytes): received[id, default: ""] += String(decoding: bytes, as: UTF8.self)
        case .closeClient(let id): closed.append(id)
        case .openStub:
            connections += 1
            isConnected = true
            stub.connect()
            core.stubOpened(ran: ran)
        case .closeStub:
            isConnected = false
            stub.disconnect()
            core.stubClosed()
        case .startCommand(let number, let line, let guest): commands.append((number, line, guest))
        case .cancelCommand(let number): cancelled.append(number)
        case .log(let text): logs.append(text)
        }
    }
}
