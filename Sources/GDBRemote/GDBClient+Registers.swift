internal import Synchronization

extension GDBClient {
    /// The most bytes of all documents that describe a target.
    private static let largestDescription = 4 << 20

    /// The target's registers and architecture; read once and kept.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for a stub that does not describe its target.
    public func targetDescription() async throws(GDBError) -> TargetDescription {
        if let description = state.withLock({ $0.description }) { return description }
        guard attachment.features["qXfer:features:read"] == "+" else {
            throw GDBError(.refusedByStub(nil), "the stub does not describe its target: it has no target.xml")
        }
        var documents: [String: String] = [:]
        var wanted = ["target.xml"]
        var size = 0
        while let name = wanted.popLast() {
            guard documents[name] == nil else { continue }
            guard documents.count < 64 else {
                throw GDBError(.malformed, "the stub's target description has more than 64 documents")
            }
            let text = try await document(name, &size)
            documents[name] = text
            wanted += TargetDescription.inclusions(in: text)
        }
        let description = try TargetDescription(documents: documents)
        state.withLock { $0.description = description }
        return description
    }

    private func document(_ name: String, _ size: inout Int) async throws(GDBError) -> String {
        var bytes: [UInt8] = []
        let count = min(max(attachment.packetSize - 16, 16), 1 << 16)
        while true {
            let part = try await ask(ReadFeatureDocument(name: name, offset: bytes.count, count: count))
            bytes += part.bytes
            size += part.bytes.count
            if part.isLast { return String(decoding: bytes, as: UTF8.self) }
            guard !part.bytes.isEmpty, size <= GDBClient.largestDescription else {
                throw GDBError(.malformed, "the stub's target description '\(name.prefix(60))' does not end")
            }
        }
    }

    /// The registers of a thread; nil for the one that stopped last.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for an unknown thread.
    public func registers(of thread: ThreadID? = nil) async throws(GDBError) -> RegisterValues {
        // QEMU gives single registers only to those who have read its description.
        let description = try await targetDescription()
        let bytes = try await ask(ReadAllRegisters(), after: selection(thread))
        return RegisterValues(description, bytes: bytes)
    }

    /// One register of a thread (nil for the one that stopped last): its bytes in the target's order, nil where unknown.
    ///
    /// - Throws: ``GDBError``; `.usage` for a name that the target's description does not have.
    public func register(_ name: String, of thread: ThreadID? = nil) async throws(GDBError) -> [UInt8]? {
        guard let register = try await targetDescription().register(name) else {
            throw GDBError(.usage, "the target has no register '\(name.prefix(40))'")
        }
        switch try await ask(ReadOneRegister(number: register.number), after: selection(thread)) {
        case .unavailable: return nil
        case .notAlone: return try await registers(of: thread).bytes(of: name)
        case .known(let bytes):
            guard bytes.count == register.size else {
                throw GDBError(
                    .malformed, "the stub sent \(bytes.count) bytes for register '\(name)', which has \(register.size)")
            }
            return bytes
        }
    }

    /// The target's threads; with QEMU, its vCPUs.
    ///
    /// - Throws: ``GDBError``.
    public func threads() async throws(GDBError) -> [ThreadID] {
        var threads: [ThreadID] = []
        var isFirst = true
        while let part = try await ask(ListThreads(isFirst: isFirst)) {
            threads += part
            isFirst = false
            guard !part.isEmpty, threads.count <= 1 << 16 else {
                throw GDBError(.malformed, "the stub's list of threads does not end")
            }
        }
        return threads
    }

    /// Makes the stub read virtual memory as this thread sees it.
    ///
    /// - Throws: ``GDBError``; `.refusedByStub` for an unknown thread.
    public func select(_ thread: ThreadID) async throws(GDBError) {
        try await ask(SelectThread(use: .registers, thread: thread))
    }

    private func selection(_ thread: ThreadID?) -> SelectThread? {
        (thread ?? currentThread).map { SelectThread(use: .registers, thread: $0) }
    }

    /// The thread that stopped last, or the one that the stub works on.
    var currentThread: ThreadID? {
        state.withLock { $0.lastStop?.thread } ?? attachment.stop?.thread ?? attachment.thread
    }
}
