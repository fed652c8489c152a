internal import GuestMemory
internal import QMP
internal import SystemPackage

/// A connection to a guest, or an open core file, for the length of one inspection.
struct GuestSession: Sendable {
    /// Where the memory and the registers come from.
    enum Source: Sendable {
        case live(GuestLink, RAMMap)
        case core(CoreFileMemory)
    }

    let target: TargetSpecification
    let source: Source

    /// The connections; nil for a core file.
    var link: GuestLink? { if case .live(let link, _) = source { link } else { nil } }

    /// What is RAM.
    var map: RAMMap {
        switch source {
        case .live(_, let map): map
        case .core(let core): core.map
        }
    }

    /// Connects, runs `body`, and leaves without a trace on every path.
    nonisolated(nonsending) static func with<Result: Sendable>(
        _ target: TargetSpecification, _ body: nonisolated(nonsending) (GuestSession) async throws -> Result
    ) async throws -> Result {
        if let path = target.core {
            let core: CoreFileMemory
            do { core = try CoreFileMemory(path: path) } catch { throw InspectorError(core: error) }
            return try await body(GuestSession(target: target, source: .core(core)))
        }
        // The stub stops the guest as long as it is held: it is not touched where something else does.
        let wantsStub = target.qmp == nil || target.memory == .only(.gdbstub)
        let link = try await GuestLink.connect(target, usingStub: wantsStub)
        do {
            let map = try RAMMap(memoryTree: try await link.monitor("info mtree -f"))
            let result = try await body(GuestSession(target: target, source: .live(link, map)))
            await link.leave()
            return result
        } catch {
            await link.leave()
            throw error
        }
    }

    /// The best way to read memory.
    func chooseMemory() async throws(InspectorError) -> MemoryLadder.Choice {
        switch source {
        case .core(let core):
            let report = RungReport(
                kind: .core, isUsable: true, isChosen: true, detail: target.core?.string ?? "core file")
            return MemoryLadder.Choice(memory: core, reports: [report])
        case .live(let link, let map):
            return try await MemoryLadder(link: link, target: target, map: map).choose()
        }
    }

    /// The paging state of every virtual CPU.
    func processors() async throws(InspectorError) -> [ProcessorState] {
        switch source {
        case .core(let core):
            guard !core.processors.isEmpty else {
                throw InspectorError(
                    .readFailed,
                    "the core file has no note of QEMU with the processors' registers, so that no page table is known; "
                        + "write it with QEMU's dump-guest-memory")
            }
            return core.processors.map(\.state)
        case .live(let link, _): return try await link.processors()
        }
    }
}

extension InspectorError {
    /// What went wrong with a core file.
    init(core error: MemoryError) {
        switch error.code {
        case .system, .permission: self.init(.unreachable, error.message, cause: error)
        default: self.init(.readFailed, error.message, cause: error)
        }
    }
}
