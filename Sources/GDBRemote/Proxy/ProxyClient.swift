internal import NIOCore

/// One client of the proxy: what it is allowed, what it sent, and the stub's modes as it sees them.
struct ProxyClient {
    /// What a client sends, in its order.
    enum Item: Hashable {
        case packet(RawPacket)
        case interrupt
    }

    /// The most bytes of requests that wait.
    static let largestQueue = 1 << 20
    /// The most requests that wait.
    static let longestQueue = 4096
    /// How many bytes outside of packets are taken before the client is thought to speak something else.
    static let mostStrayBytes = 4096

    /// Its number.
    let id: UInt64
    /// Whether it is inspectd itself.
    let isPrivate: Bool
    /// Whether it may do everything, or only look.
    let isController: Bool
    var cutter = RawPacketCutter()
    private(set) var queue = CircularBuffer<Item>()
    private(set) var queuedBytes = 0
    /// Whether packets are acknowledged between it and us.
    var usesAcks = true
    /// How many of its packets came before the stub was ready, and are not acknowledged yet.
    var acksHeld = 0
    /// What was sent last, for a client that did not get it.
    var lastReply: [UInt8] = []
    /// Whether that may be asked for again.
    var awaitsAck = false
    /// How many of its requests the stub has not answered.
    var inFlight = 0
    /// Whether its memory packets take physical addresses; a controller has the stub's mode.
    var isPhysical = false
    /// The latest `Hg` that the stub agreed to; nil for the thread that stopped.
    var thread: [UInt8]?
    /// The parts of the list of threads that it has not taken.
    var threadParts: [RawPacket] = []
    /// Its command that the proxy itself works on.
    var command: UInt64?
    /// When that last gave a sign of life, in nanoseconds.
    var lastOutput: UInt64 = 0

    init(id: UInt64, isPrivate: Bool, isController: Bool) {
        self.id = id
        self.isPrivate = isPrivate
        self.isController = isController
    }

    /// Queues what came; false where too much waits.
    mutating func enqueue(_ item: Item) -> Bool {
        queue.append(item)
        if case .packet(let packet) = item { queuedBytes += packet.bytes.count }
        return queuedBytes <= ProxyClient.largestQueue && queue.count <= ProxyClient.longestQueue
    }

    /// Takes the first of the queue out.
    mutating func dequeue() {
        if case .packet(let packet)? = queue.popFirst() { queuedBytes -= packet.bytes.count }
    }
}
