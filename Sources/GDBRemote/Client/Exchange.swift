internal import SocketTransport
/// One packet on its way, and what its reply is for.
struct Exchange {
    /// What the reply is for.
    enum Purpose {
        /// A request that somebody awaits.
        case request(PendingReply)
        /// A part of a read.
        case memory(MemoryRead, MemoryRead.Piece)
        /// The target runs; the reply is a stop reply, whenever it comes.
        case run
        /// A question with a known answer, which shows whether requests before it were lost.
        case probe
    }

    var purpose: Purpose
    /// The packet, to be sent again when the stub did not get it.
    var packet: [UInt8]
    /// About how long the reply is, in bytes.
    var replySize: Int
    /// Whether a stop reply is the reply.
    var expectsStop = false
    /// Console output that came before the reply.
    var console: [UInt8] = []

    /// Takes the reply.
    func succeed(_ payload: UnsafeRawBufferPointer) {
        switch purpose {
        case .request(let reply): reply.resolve(.success(StubAnswer(payload: Array(payload), console: console)))
        case .memory(let read, let piece): read.take(payload, for: piece)
        case .run, .probe: break
        }
    }

    /// Gives up: no reply will come.
    func fail(_ error: GDBError) {
        switch purpose {
        case .request(let reply): reply.resolve(.failure(error))
        case .memory(let read, _): read.abandon(error)
        case .run, .probe: break
        }
    }

    /// The reply was lost or came broken; a read asks again.
    func lose(_ error: GDBError) {
        switch purpose {
        case .request(let reply): reply.resolve(.failure(error))
        case .memory(let read, let piece): read.lose(piece, because: error)
        case .run, .probe: break
        }
    }

    /// Whether nobody waits for the reply any more.
    var isAbandoned: Bool {
        switch purpose {
        case .request(let reply): reply.isResolved
        case .memory(let read, _): read.reply.isResolved
        case .run, .probe: false
        }
    }
}
