internal import GuestMemory

/// A copy of the whole frame table and of the kernel's books, of one moment where the guest may be stopped.
public struct KernelSurvey: Sendable {
    /// The frame table.
    public let capture: FrameCapture
    /// The kernel's books.
    public let books: KernelBooks
    /// Every free list.
    public let freeLists: FreeListWalk
}

extension Inspector {
    /// Reads the kernel's books.
    ///
    /// - Throws: ``InspectorError`` when the guest is gone; what cannot be read is a gap with a reason.
    public func books(
        search: AddressSpaceSearch = .automatic
    ) async throws(InspectorError) -> (books: KernelBooks, provenance: Provenance) {
        let plan = try await planBooks(search)
        let (gathered, provenance) = try await consistently { () async throws(InspectorError) in
            try await self.gatherBooks(plan)
        }
        return (KernelBooks(gathered), provenance)
    }

    /// Copies the frame table and the kernel's books of the same moment.
    ///
    /// - Throws: ``InspectorError``.
    public func survey(search: AddressSpaceSearch = .automatic) async throws(InspectorError) -> KernelSurvey {
        let plan = try await planBooks(search)
        let (capture, gathered) = try await capture(reader.allSlots) {
            () async throws(InspectorError) in
            let gathered = try await self.gatherBooks(plan)
            return (gathered.allocator, gathered)
        }
        let books = KernelBooks(gathered)
        return KernelSurvey(capture: capture, books: books, freeLists: books.freeLists(in: capture.view))
    }

    // MARK: Before the guest stops

    /// Searches memory for address spaces where that is wanted; the guest may run meanwhile.
    func planBooks(_ search: AddressSpaceSearch) async throws(InspectorError) -> BooksPlan {
        let isListed =
            facts.addressSpaces != nil && target.profile.addressSpaces.map { anchors[$0.anchor] != nil } ?? false
        guard search == .always || (search == .automatic && !isListed) else { return BooksPlan() }
        guard memory.kind != .gdbstub else {
            let reason = "all of memory would have to come over the debug stub: give a faster way to read it"
            return BooksPlan(search: .notKnown(reason))
        }
        do {
            let top = try await memory.bytes(at: addressSpace.mode.root, count: 4096)
            guard let discovery = RootDiscovery(memory: memory, reference: top) else {
                return BooksPlan(search: .notKnown("the kernel's page table has nothing in its upper half"))
            }
            let regions = try await regionsOfTables()
            return BooksPlan(candidates: try await discovery.candidates(in: regions))
        } catch {
            guard Inspector.isLocal(error) else { throw InspectorError(error) }
            return BooksPlan(search: .notKnown(error.message))
        }
    }

    /// Where page tables may be: memory that was ever written, or where that is not known all frames that are not free.
    private func regionsOfTables() async throws(MemoryError) -> [RAMRegion] {
        let writable = memory.map.regions.filter { !$0.isReadOnly }
        if let mapped = memory as? MappedMemory { return writable.flatMap { mapped.written(in: $0) } }
        guard layout.freeMask != 0 else { return writable }
        // Free frames are left out; frames without a slot are looked at.
        var used: [RAMRegion] = []
        var start = PhysicalAddress(0)
        var isOpen = true
        func close(at end: UInt64) {
            guard isOpen, end > start.rawValue else { return }
            if let region = RAMRegion(start: start, length: end &- start.rawValue) { used.append(region) }
        }
        try await reader.forEachBatch(in: reader.allSlots) { (batch) throws(MemoryError) in
            var slot = batch.base
            for offset in 0..<batch.count {
                let isFree = layout.flags.load(slot) & layout.freeMask != 0
                slot += layout.stride
                guard isFree == isOpen else { continue }
                let address = layout.frame(at: batch.firstIndex &+ UInt64(offset)).address
                close(at: address.rawValue)
                start = address
                isOpen = !isFree
            }
            return !Task.isCancelled
        }
        if !isOpen {
            start = layout.frame(at: placement.slotCount).address
            isOpen = true
        }
        close(at: memory.map.end.rawValue)
        return writable.flatMap { region in used.compactMap { RAMRegion(region, cutTo: $0) } }
    }

    // MARK: While the guest stands still

    /// Copies the kernel's books.
    ///
    /// - Throws: ``InspectorError`` when the guest is gone.
    func gatherBooks(_ plan: BooksPlan) async throws(InspectorError) -> GatheredBooks {
        let states = try await processorStates()
        do {
            return try await gather(plan, states)
        } catch {
            throw InspectorError(error)
        }
    }

    private func gather(_ plan: BooksPlan, _ states: [ProcessorState]) async throws(MemoryError) -> GatheredBooks {
        let reader = PageReader(space: addressSpace)
        let collections = CollectionReader(reader: reader)
        let profile = target.profile
        let allocator: AllocatorBooks
        do {
            allocator = try await readBooks(reader)
        } catch {
            guard Inspector.isLocal(error) else { throw error }
            allocator = .unknown(error.message)
        }
        let ownership = try await settled { (collections) throws(MemoryError) in
            try await self.read("ownership", profile.ownership?.anchor, self.facts.ownership) {
                (layout, address) throws(MemoryError) in
                try await collections.ownership(layout, at: address, stateNames: profile.ownership?.states ?? [])
            }
        }
        let mappings = try await settled { (collections) throws(MemoryError) in
            try await self.read("mappings", profile.mappings?.anchor, self.facts.mappings) {
                (layout, address) throws(MemoryError) in
                let sizes = profile.mappings?.sizes ?? []
                return try await collections.mappings(layout, at: address, sizes: sizes.map(\.value))
            }
        }
        let listed = try await read("addressSpaces", profile.addressSpaces?.anchor, facts.addressSpaces) {
            (layout, address) throws(MemoryError) in try await collections.addressSpaces(layout, at: address)
        }
        let quarantined = try await word(profile.quarantine, "no counter of withheld pages", reader)
        let directMap = try await word(profile.directMap, "no direct map", reader).value
        let roots = try await roots(states, listed: listed.value ?? [], plan)
        var walk = PageTableWalk(mode: addressSpace.mode, directMap: directMap)
        try await walk.walk(roots, in: memory)
        return GatheredBooks(
            allocator: allocator, ownership: ownership, mappings: mappings, addressSpaces: listed.status,
            quarantinedPages: quarantined, directMap: directMap, walk: walk, search: plan.search)
    }

    /// How often a collection of a guest that runs on is read anew because it changed under the reader's eyes.
    private static let attempts = 8

    /// Reads a collection, in a guest that runs on until it was not torn.
    private func settled<Value>(
        _ body: (CollectionReader) async throws(MemoryError) -> Reading<Value>
    ) async throws(MemoryError) -> Reading<Value> {
        // A reader keeps pages: each attempt needs one of its own.
        var reading = try await body(CollectionReader(reader: PageReader(space: addressSpace)))
        var attempts = 1
        while isLive, case .damaged = reading.status, attempts < Inspector.attempts {
            reading = try await body(CollectionReader(reader: PageReader(space: addressSpace)))
            attempts += 1
        }
        return reading
    }

    /// Reads one collection, or says why it cannot be.
    private func read<Layout, Value>(
        _ key: String, _ anchor: String?, _ layout: Layout?,
        _ body: (Layout, UInt64) async throws(MemoryError) -> Reading<Value>
    ) async throws(MemoryError) -> Reading<Value> {
        guard let anchor else { return .notKnown("the profile \(target.profile.name) does not describe it") }
        guard let address = anchors[anchor] else {
            return .notKnown(facts.missingAnchors[anchor] ?? "the anchor \(anchor) is not known: no image was given")
        }
        guard let layout else { return .notKnown(facts.missingLayouts[key] ?? "its layout is not known") }
        do {
            return try await body(layout, address)
        } catch {
            guard Inspector.isLocal(error) else { throw error }
            return .notKnown(error.message)
        }
    }

    private func word(
        _ anchor: String?, _ absence: String, _ reader: PageReader
    ) async throws(MemoryError) -> Reading<UInt64> {
        guard let anchor else { return .notKnown("the profile \(target.profile.name) has \(absence)") }
        guard let address = anchors[anchor] else {
            return .notKnown(facts.missingAnchors[anchor] ?? "the anchor \(anchor) is not known: no image was given")
        }
        do {
            return Reading(try await reader.number(at: address, width: 8), .complete)
        } catch {
            guard Inspector.isLocal(error) else { throw error }
            return Reading(nil, .damaged("\(anchor): \(error.message)", elementsRead: 0))
        }
    }

    /// The top page tables, each once.
    private func roots(
        _ states: [ProcessorState], listed: [AddressSpaceList.Element], _ plan: BooksPlan
    ) async throws(MemoryError) -> [ReverseMap.Root] {
        var roots: [ReverseMap.Root] = []
        var places: [UInt64: Int] = [:]
        func add(_ address: UInt64, _ origin: ReverseMap.Root.Origin, identifier: UInt64? = nil) {
            let address = address & 0x000F_FFFF_FFFF_F000
            if let known = places[address] {
                roots[known].origins.insert(origin)
                roots[known].identifier = roots[known].identifier ?? identifier
                return
            }
            places[address] = roots.count
            roots.append(
                ReverseMap.Root(address: PhysicalAddress(address), identifier: identifier, origins: [origin]))
        }
        for state in states where state.isLongMode { add(state.cr3, .processor) }
        if roots.isEmpty { add(addressSpace.mode.root.rawValue, .processor) }
        for space in listed { add(space.root, .listed, identifier: space.identifier) }
        for candidate in try await confirmed(plan.candidates, like: roots.first?.address) {
            add(candidate, .discovered)
        }
        return roots
    }

    /// The candidates that still look like top page tables and are not free.
    private func confirmed(_ candidates: [UInt64], like root: PhysicalAddress?) async throws(MemoryError) -> [UInt64] {
        guard !candidates.isEmpty, let root else { return [] }
        do {
            let reference = try await memory.bytes(at: root, count: 4096)
            guard let discovery = RootDiscovery(memory: memory, reference: reference) else { return [] }
            var found: [UInt64] = []
            for candidate in candidates {
                let page = try await memory.bytes(at: PhysicalAddress(candidate), count: 4096)
                guard page.withUnsafeBytes({ discovery.matches($0) }) else { continue }
                guard try await mayBeTable(FrameNumber(candidate >> 12)) else { continue }
                found.append(candidate)
            }
            return found
        } catch {
            guard Inspector.isLocal(error) else { throw error }
            return []
        }
    }

    /// Whether a frame is handed out or was never managed, and stands alone.
    private func mayBeTable(_ frame: FrameNumber) async throws(MemoryError) -> Bool {
        guard let index = layout.index(of: frame), index < placement.slotCount else { return true }
        guard let slot = layout.decode(try await reader.bytes(ofSlot: index)) else { return false }
        return slot.flags & layout.freeMask == 0 && (slot.flags & layout.allocatedMask == 0 || slot.order == 0)
    }

    /// The paging state of every virtual CPU now.
    private func processorStates() async throws(InspectorError) -> [ProcessorState] {
        if let link { return try await link.processors() }
        return (memory as? CoreFileMemory)?.processors.map(\.state) ?? []
    }

    /// Whether an error says something of one structure only, and the rest can still be read.
    static func isLocal(_ error: MemoryError) -> Bool {
        !Task.isCancelled && ![.guestGone, .timeout, .permission].contains(error.code)
    }
}

extension RAMRegion {
    /// The part of a region that another one has as well; nil where they share nothing.
    fileprivate init?(_ region: RAMRegion, cutTo other: RAMRegion) {
        let start = max(region.start, other.start)
        let end = min(region.end, other.end)
        guard start < end else { return nil }
        self.init(start: start, length: end.rawValue &- start.rawValue, block: region.block)
    }
}
