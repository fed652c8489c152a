internal import NIOCore
internal import SocketTransport
internal import Synchronization

extension GDBClient {
    /// The most bytes of memory in one request, so that several are on their way even where packets may be large.
    private static let largestChunk = 16 << 10

    /// How many bytes of memory are asked for at once.
    var chunkSize: Int {
        // QEMU takes requests for half of a packet exactly.
        let largest =
            attachment.isQEMU
            ? attachment.packetSize / 2 : attachment.memoryForm.largestCount(packetSize: attachment.packetSize)
        return min(max(largest, 16), GDBClient.largestChunk)
    }

    /// Fills `buffer` with the target's memory, many requests at once.
    ///
    /// Addresses are virtual ones of the thread that is selected at the stub, or physical ones after
    /// ``setPhysicalMode(_:)``. QEMU up to 10 gives zeros for physical addresses where there is nothing: check with the
    /// memory map first.
    /// - Throws: ``GDBError``; `.refusedByStub` for memory that the stub cannot read. A cancelled read waits for what is on
    ///   its way and leaves the connection usable.
    public func readMemory(at address: UInt64, into buffer: UnsafeMutableRawBufferPointer) async throws(GDBError) {
        guard !buffer.isEmpty else { return }
        let read = MemoryRead(address: address, buffer: buffer, form: attachment.memoryForm, chunk: chunkSize)
        let timeout = TimeAmount.milliseconds(Int64(SocketConnector.milliseconds(link.timeout)))
        link.run { $0.start(read, timeout: timeout) }
        let outcome = await withTaskCancellationHandler {
            await read.reply.value()
        } onCancel: {
            link.run { $0.cancel(read) }
        }
        _ = try outcome.get()
    }

    /// Reads memory of the target; see ``readMemory(at:into:)``.
    ///
    /// - Parameters:
    ///   - address: Where it begins.
    ///   - count: How many bytes, up to 1 GiB.
    /// - Throws: ``GDBError``.
    public func readMemory(at address: UInt64, count: Int) async throws(GDBError) -> [UInt8] {
        guard (0...(1 << 30)).contains(count) else {
            throw GDBError(.usage, "\(count) bytes cannot be read at once; read up to 1 GiB")
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { buffer.deallocate() }
        try await readMemory(at: address, into: buffer)
        return Array(buffer)
    }

    /// Whether memory is read by physical address.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for stubs other than QEMU's.
    public func isPhysicalMode() async throws(GDBError) -> Bool { try await ask(QueryPhysicalMode()) }

    /// Reads memory by physical address from now on, or by virtual address; ``detach(leavingRunning:)`` puts it back.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for stubs other than QEMU's.
    public func setPhysicalMode(_ isPhysical: Bool) async throws(GDBError) {
        let before = try await isPhysicalMode()
        guard before != isPhysical else { return }
        // Noted before it is sent: a cancelled request may have had its effect.
        state.withLock {
            $0.wasPhysical = $0.wasPhysical ?? before
            $0.isPhysical = nil
        }
        try await ask(SetPhysicalMode(isPhysical: isPhysical))
        state.withLock { $0.isPhysical = isPhysical }
    }
}
