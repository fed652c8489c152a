internal import GuestMemory

/// A block that is pinned.
public struct PinnedBlock: Sendable {
    /// The kernel's record of the block.
    public var entry: OwnershipTable.Entry
    /// The entry's state in words; nil where the profile has no name for it.
    public var stateName: String?
    /// References that the head's slot counts; nil for none.
    public var slotReferences: UInt64?
    /// How often the head was claimed; nil where the kernel does not count that.
    public var generation: UInt64?
    /// Mappings of its frames other than the direct map's.
    public var mappings: Int
    /// How long it was seen with the same pins in the same generation, in seconds; nil after a single look.
    public var age: Double?

    /// Whether no capability is left.
    public var isOrphaned: Bool { entry.capabilities.isEmpty }
}

/// Every pinned block.
public struct PinSurvey: Sendable {
    /// The blocks, by address.
    public var pins: [PinnedBlock]
    /// Number of blocks with an owner.
    public var owners: Int
    /// How far the ownership table could be read.
    public var status: ReadingStatus
    /// Pins that were gone or different at the second look.
    public var passed: Int
    /// Where all of it comes from.
    public var provenance: Provenance
}

extension Inspector {
    /// The blocks that are pinned; with `age` only those that stay pinned so long.
    ///
    /// - Throws: ``InspectorError``; `.usage` where the guest stands still and an age is asked for.
    public func pins(olderThan age: Duration? = nil) async throws(InspectorError) -> PinSurvey {
        guard let age, age > .zero else { return try await pinSample() }
        guard guestRuns else {
            throw InspectorError(
                .usage, "the guest stands still: nothing grows older; leave out --older-than to see the pins there are")
        }
        let clock = ContinuousClock()
        let start = clock.now
        let first = try await pinSample()
        do { try await clock.sleep(until: start + age) } catch { throw .cancelled }
        let seconds = (clock.now - start).seconds
        var second = try await pinSample()
        let before = Set(first.pins.map(\.life))
        second.pins = second.pins.filter { before.contains($0.life) }.map { pin in
            var pin = pin
            pin.age = seconds
            return pin
        }
        second.passed = first.pins.count - second.pins.count
        return second
    }

    private func pinSample() async throws(InspectorError) -> PinSurvey {
        let survey = try await survey()
        let (books, slots) = (survey.books, survey.capture.view)
        return PinSurvey(
            pins: PinnedBlock.all(in: books, slots), owners: books.ownership.value?.count ?? 0,
            status: books.ownership.status, passed: 0, provenance: survey.capture.provenance)
    }
}

extension PinnedBlock {
    /// Every pinned block that the books know, by address; none where the ownership table could not be read.
    static func all(in books: KernelBooks, _ slots: SlotView) -> [PinnedBlock] {
        guard let table = books.ownership.value else { return [] }
        var pins: [PinnedBlock] = []
        for index in 0..<table.count {
            let entry = table[index]
            guard entry.transientRefs > 0 else { continue }
            let slot = slots[entry.head]
            var mappings = 0
            if let map = books.reverseMap.value {
                for frame in entry.head.rawValue..<(entry.head.rawValue &+ min(entry.frameCount, 1 << 18)) {
                    map.forEachMapping(of: FrameNumber(frame)) { mapping in
                        if !mapping.isDirectMap { mappings += 1 }
                        return true
                    }
                }
            }
            pins.append(
                PinnedBlock(
                    entry: entry, stateName: table.name(ofState: entry.state), slotReferences: slot?.references,
                    generation: slot?.generation, mappings: mappings))
        }
        return pins
    }

    /// What is the same as long as it is the same pins of the same life.
    var life: [UInt64] {
        [entry.base.rawValue, UInt64(max(entry.order, 0)), generation ?? 0, entry.transientRefs]
            + entry.capabilities.sorted()
    }
}
