internal import SocketTransport
internal import NIOCore

/// A read of memory in many requests, whose replies are decoded where they are wanted.
///
/// Lives on the event loop. Whoever awaits ``reply`` owns the memory; after that is resolved it is not touched any more.
final class MemoryRead: @unchecked Sendable {
    /// A part of the read, asked for in one request.
    struct Piece {
        var offset: Int
        var count: Int
        /// How often it was asked for already.
        var tries = 0
    }

    /// The outcome; its answer is empty.
    let reply = PendingReply()
    private let address: UInt64
    private let form: MemoryForm
    private let chunk: Int
    private var buffer: UnsafeMutableRawBufferPointer
    private var next = 0
    private var again: [Piece] = []
    private var inFlight = 0
    private var failure: GDBError?
    /// Whether it waits in the queue for its turn.
    var isQueued = false
    /// When a reply came last.
    private(set) var lastProgress = NIODeadline.now()

    init(address: UInt64, buffer: UnsafeMutableRawBufferPointer, form: MemoryForm, chunk: Int) {
        self.address = address
        self.buffer = buffer
        self.form = form
        self.chunk = max(1, chunk)
    }

    /// Whether replies are bytes without a mark, which may look like anything.
    var isPlain: Bool { form == .plainBytes }

    /// Whether everything was asked for.
    var isExhausted: Bool { failure != nil || reply.isResolved || (next >= buffer.count && again.isEmpty) }

    /// About how long the longest reply is, in bytes.
    var replySize: Int { form.replySize(count: min(chunk, buffer.count)) }

    /// The next piece to ask for, with its packet and about how long the reply is.
    func nextRequest() -> (packet: [UInt8], piece: Piece, replySize: Int)? {
        guard !isExhausted else { return nil }
        let piece: Piece
        if let repeated = again.popLast() {
            piece = repeated
        } else {
            piece = Piece(offset: next, count: min(chunk, buffer.count - next))
            next += piece.count
        }
        inFlight += 1
        let payload = form.payload(address: address &+ UInt64(piece.offset), count: piece.count)
        return (Packet.encode(payload), piece, form.replySize(count: piece.count))
    }

    /// Takes the reply to a piece.
    func take(_ payload: UnsafeRawBufferPointer, for piece: Piece) {
        inFlight -= 1
        lastProgress = .now()
        guard failure == nil, !reply.isResolved else { return finishIfDone() }
        let target = UnsafeMutableRawBufferPointer(rebasing: buffer[piece.offset..<(piece.offset + piece.count)])
        if let count = form.decode(payload, into: target) {
            if count < piece.count {
                again.append(Piece(offset: piece.offset + count, count: piece.count - count))
            }
        } else {
            failure = refusal(payload, piece)
        }
        finishIfDone()
    }

    /// A reply came broken: the piece is asked for again, a few times.
    func lose(_ piece: Piece, because error: GDBError) {
        inFlight -= 1
        if piece.tries < 3 {
            again.append(Piece(offset: piece.offset, count: piece.count, tries: piece.tries + 1))
        } else {
            failure = failure ?? error
        }
        finishIfDone()
    }

    /// Asks for nothing more; the outcome comes when everything on its way has arrived.
    func cancel(_ error: GDBError) {
        failure = failure ?? error
        finishIfDone()
    }

    /// Ends the read now: what still comes is dropped.
    func abandon(_ error: GDBError) {
        failure = failure ?? error
        reply.resolve(.failure(failure ?? error))
    }

    private func finishIfDone() {
        guard inFlight == 0, isExhausted else { return }
        reply.resolve(failure.map { .failure($0) } ?? .success(StubAnswer(payload: [])))
    }

    private func refusal(_ payload: UnsafeRawBufferPointer, _ piece: Piece) -> GDBError {
        let answer = StubAnswer(payload: Array(payload.prefix(512)))
        let place = "\(piece.count) bytes at 0x\(HexText.text(address &+ UInt64(piece.offset)))"
        if answer.isError || answer.isUnknown {
            return GDBError(
                .refusedByStub(answer.errorNumber),
                "the stub cannot read \(place) (\(answer.isUnknown ? "empty answer" : answer.excerpt))")
        }
        return GDBError(
            .malformed,
            "the stub answered a read of \(place) with \(payload.count) characters: \"\(answer.excerpt)\"")
    }
}
