internal import GuestMemory

/// Finds the best way to read a guest's memory, and says why the better ones are not possible.
struct MemoryLadder: Sendable {
    /// What was found.
    struct Choice: Sendable {
        /// The way to read.
        var memory: any PhysicalMemory
        /// How the rungs fared, best first; those below the chosen one are left out unless all were asked for.
        var reports: [RungReport]
    }

    let link: GuestLink
    let target: TargetSpecification
    let map: RAMMap

    /// The best rung that works, or the one that was asked for.
    ///
    /// - Throws: ``InspectorError`` with the reason of every rung that was tried.
    func choose() async throws(InspectorError) -> Choice {
        var reports: [RungReport] = []
        for kind in MemoryChoice.rungs {
            if case .only(let wanted) = target.memory, wanted != kind { continue }
            if Task.isCancelled { throw .cancelled }
            do {
                let (memory, detail) = try await open(kind)
                reports.append(RungReport(kind: kind, isUsable: true, isChosen: true, detail: detail))
                return Choice(memory: memory, reports: reports)
            } catch {
                if error.code == .guestGone { throw InspectorError(error) }
                reports.append(RungReport(kind: kind, isUsable: false, isChosen: false, detail: error.message))
            }
        }
        // Every way fails once QEMU has ended, each with a reason that misleads.
        if let end = await link.ended() { throw end }
        let reasons = reports.map { "\($0.kind.rawValue): \($0.detail)" }.joined(separator: "; ")
        throw InspectorError(.readFailed, "guest memory cannot be read. \(reasons)")
    }

    /// Tries every rung, for people who want to know.
    func examine() async -> [RungReport] {
        var reports: [RungReport] = []
        var isTaken = false
        for kind in MemoryChoice.rungs {
            do {
                let (_, detail) = try await open(kind)
                var isChosen = !isTaken
                if case .only(let wanted) = target.memory { isChosen = wanted == kind }
                isTaken = isTaken || isChosen
                reports.append(RungReport(kind: kind, isUsable: true, isChosen: isChosen, detail: detail))
            } catch {
                reports.append(RungReport(kind: kind, isUsable: false, isChosen: false, detail: error.message))
            }
        }
        return reports
    }

    /// Opens one rung and reads a byte through it.
    private func open(_ kind: MemorySourceKind) async throws(MemoryError) -> (any PhysicalMemory, String) {
        let memory: any PhysicalMemory
        let detail: String
        switch kind {
        case .mapped: (memory, detail) = try await MappedRung.open(link: link, map: map)
        case .process: (memory, detail) = try await ProcessRung.open(link: link, map: map)
        case .dump: (memory, detail) = try await DumpMemory.open(link: link, map: map, target: target)
        case .pmemsave: (memory, detail) = try await SaveMemory.open(link: link, map: map, target: target)
        case .gdbstub: (memory, detail) = try await StubMemory.open(link: link, map: map, target: target)
        case .core, .buffer: throw MemoryError(.unavailable, "not a way to read a running guest")
        }
        guard let region = memory.map.regions.first else {
            throw MemoryError(.unavailable, "none of the guest's RAM can be read this way")
        }
        _ = try await memory.bytes(at: region.start, count: 1)
        return (memory, detail)
    }
}
