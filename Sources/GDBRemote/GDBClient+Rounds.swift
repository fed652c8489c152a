internal import NIOCore
internal import SocketTransport
internal import Synchronization

/// Several requests in one write: for those who stop a target thousands of times a second.
extension GDBClient {
    /// Reads the registers of a stopped thread and lets it run one instruction while the others stand still.
    ///
    /// - Returns: The registers before the step, and the stop after it.
    /// - Throws: ``GDBError``; after a time-out the target may run on: interrupt it.
    public func stepReadingRegisters(
        of thread: ThreadID, timeout: Duration? = nil
    ) async throws(GDBError) -> (registers: RegisterValues, stop: StopReply) {
        let description = try await targetDescription()
        let usesActions = try await resumeActions().isSuperset(of: ["c", "s"])
        var selections = [SelectThread(use: .registers, thread: thread)]
        if !usesActions { selections.append(SelectThread(use: .resuming, thread: thread)) }
        let selected = selections.map { (Packet.encode($0.payload), PendingReply()) }
        let read = PendingReply()
        let started = PendingReply()
        let stopped = PendingReply()
        let registers = Packet.encode(ReadAllRegisters().payload)
        let step = Packet.encode(ResumeRequest(isStep: true, thread: thread, usesActions: usesActions).payload)
        link.run { handler in
            handler.together { handler in
                for (packet, reply) in selected { handler.send(packet, reply) }
                handler.send(registers, read)
                handler.run(step, started)
                handler.takeStop(stopped)
            }
        }
        let stop = try await stop(stopped, timeout ?? link.timeout)
        // Their replies came before the stop.
        for (selection, (_, reply)) in zip(selections, selected) {
            try selection.decode(try await link.wait(for: reply, link.timeout, what: selection.purpose))
        }
        let answer = try await link.wait(for: read, link.timeout, what: ReadAllRegisters().purpose)
        let values = RegisterValues(description, bytes: try ReadAllRegisters().decode(answer))
        return (values, stop)
    }

    /// Removes and sets breakpoints and lets all threads run, in one write; ``waitForStop(timeout:)`` says when they stop.
    ///
    /// What the stub refuses is told with the stop, since nothing is waited for: use ``setBreakpoint(_:)`` where it might.
    /// - Parameters:
    ///   - removing: What is removed.
    ///   - setting: What is set.
    ///   - reading: A register that is read before the target runs.
    /// - Returns: Gives those that the stub refused, and the register, once the target has stopped.
    /// - Throws: ``GDBError``.
    public func resume(
        removing: [Breakpoint] = [], setting: [Breakpoint] = [],
        reading: (register: TargetRegister, thread: ThreadID)? = nil
    ) async throws(GDBError) -> BreakpointChanges {
        let usesActions = try await resumeActions().isSuperset(of: ["c", "s"])
        let known = Set(breakpoints)
        let removed = removing.filter { known.contains($0) }
        let added = setting.filter { !known.contains($0) || removed.contains($0) }
        guard known.count + added.count - removed.count <= GDBClient.mostBreakpoints else {
            throw GDBError(.usage, "there are \(known.count) breakpoints already; remove some first")
        }
        let changes =
            removed.map { ChangeBreakpoint(breakpoint: $0, isSet: false) }
            + added.map { ChangeBreakpoint(breakpoint: $0, isSet: true) }
        state.withLock { state in
            state.breakpoints.removeAll { removed.contains($0) }
            state.breakpoints += added
        }
        let sent = changes.map { (Packet.encode($0.payload), PendingReply()) }
        let selection = PendingReply()
        let started = PendingReply()
        let question = reading.map { reading in
            (
                select: Packet.encode(SelectThread(use: .registers, thread: reading.thread).payload),
                read: Packet.encode(ReadOneRegister(number: reading.register.number).payload), selected: PendingReply(),
                reply: PendingReply()
            )
        }
        let all = usesActions ? nil : Packet.encode(SelectThread(use: .resuming, thread: nil).payload)
        let go = Packet.encode(ResumeRequest(isStep: false, thread: nil, usesActions: usesActions).payload)
        link.run { handler in
            handler.together { handler in
                if let question {
                    handler.send(question.select, question.selected)
                    handler.send(question.read, question.reply)
                }
                for (packet, reply) in sent { handler.send(packet, reply) }
                if let all { handler.send(all, selection) }
                handler.run(go, started)
            }
        }
        return BreakpointChanges(
            requests: zip(changes, sent).map { ($0, $1.1) }, register: question?.reply, client: self)
    }

    /// Reads several pieces of memory, with one write for all of them as far as the stub takes so much at once.
    ///
    /// - Returns: The pieces in the order asked for; nil for those that the stub cannot read.
    /// - Throws: ``GDBError`` where the connection is of no use any more.
    public func readMemory(_ pieces: [(address: UInt64, count: Int)]) async throws(GDBError) -> [[UInt8]?] {
        let total = pieces.reduce(0) { $0 + min(max($1.count, 0), 1 << 24) }
        guard total <= 1 << 24, !pieces.contains(where: { $0.count < 0 || $0.count > 1 << 24 }) else {
            throw GDBError(.usage, "more than 16 MiB cannot be read in pieces")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: max(total, 1), alignment: 16)
        defer { buffer.deallocate() }
        var reads: [MemoryRead?] = []
        var offset = 0
        for piece in pieces {
            guard piece.count > 0 else {
                reads.append(nil)
                continue
            }
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<(offset + piece.count)])
            reads.append(
                MemoryRead(address: piece.address, buffer: part, form: attachment.memoryForm, chunk: chunkSize))
            offset += piece.count
        }
        let timeout = TimeAmount.milliseconds(Int64(SocketConnector.milliseconds(link.timeout)))
        let started = reads.compactMap { $0 }
        link.run { handler in
            handler.together { handler in for read in started { handler.start(read, timeout: timeout) } }
        }
        var result: [[UInt8]?] = []
        var failure: GDBError?
        offset = 0
        // Every one is waited for, whatever the others say: they write into the buffer.
        for (piece, read) in zip(pieces, reads) {
            guard let read else {
                result.append([])
                continue
            }
            switch await read.reply.value() {
            case .success: result.append(Array(buffer[offset..<(offset + piece.count)]))
            case .failure(let error):
                if case .refusedByStub = error.code {} else { failure = failure ?? error }
                result.append(nil)
            }
            offset += piece.count
        }
        if let failure { throw failure }
        return result
    }

    /// Runs `body` on the thread on which the stub's answers arrive: for many short exchanges, each of which waits for the last.
    ///
    /// What `body` computes between them delays this connection, and any other of this process that shares the thread.
    public func besideAnswers<Value>(_ body: () async -> Value) async -> Value {
        await withTaskExecutorPreference(LoopExecutor(link.channel.eventLoop), operation: body)
    }

    /// Waits for the end of a run.
    private func stop(_ reply: PendingReply, _ timeout: Duration) async throws(GDBError) -> StopReply {
        let answer = try await link.wait(for: reply, timeout, what: "the target's stop, while it runs")
        let stop = try ResumeRequest(isStep: false, thread: nil, usesActions: true).decode(answer)
        state.withLock { $0.lastStop = stop }
        return stop
    }
}
