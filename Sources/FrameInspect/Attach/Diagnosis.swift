public import GuestMemory

/// What can be reached of a guest, and how: each step with its outcome, however far it came.
public struct Diagnosis: Sendable {
    /// A symbol that the profile names, as it was found.
    public struct Anchor: Sendable, Hashable {
        /// Its name in the profile.
        public var name: String
        /// Virtual address in the guest; nil where it was not found.
        public var address: UInt64?
        /// The 8 bytes there; nil where they could not be read.
        public var value: UInt64?
        /// The symbol, or why there is none.
        public var detail: String
    }

    /// QEMU's version, where known.
    public var version: String?
    /// What the guest was doing when it was found, in words; nil for a core file.
    public var runState: String?
    /// What is RAM.
    public var map: RAMMap
    /// How each rung of the memory ladder fared, best first.
    public var rungs: [RungReport] = []
    /// How many virtual CPUs there are, and how many of them are in 64-bit mode.
    public var processorCount = 0
    /// See ``processorCount``.
    public var longModeCount = 0
    /// What the image says; nil where it could not be used.
    public var facts: KernelFacts?
    /// How the guest's code compares with the image's; nil where that was not reached.
    public var match: ImageMatch?
    /// The profile's anchors by name.
    public var anchors: [Anchor] = []
    /// Where the frame table is; nil where it was not found.
    public var placement: TablePlacement?
    /// What stopped the examination; nil where the table was found.
    public var failure: InspectorError?
}

extension Inspector {
    /// Examines a guest without reading its frame table.
    ///
    /// - Throws: ``InspectorError`` where the guest cannot be reached at all.
    public static func diagnose(_ target: TargetSpecification) async throws -> Diagnosis {
        try await GuestSession.with(target) { session in
            var result = Diagnosis(map: session.map)
            result.version = session.link?.version
            result.runState = session.link?.runState.text
            do throws(InspectorError) {
                try await examine(session, &result)
            } catch {
                result.failure = error
            }
            return result
        }
    }

    private static func examine(_ session: GuestSession, _ result: inout Diagnosis) async throws(InspectorError) {
        if case .live(let link, let map) = session.source {
            result.rungs = await MemoryLadder(link: link, target: session.target, map: map).examine()
        }
        let choice = try await session.chooseMemory()
        if result.rungs.isEmpty { result.rungs = choice.reports }
        let states = try await session.processors()
        result.processorCount = states.count
        result.longModeCount = states.count(where: \.isLongMode)
        let resolver = KernelResolver(target: session.target, memory: choice.memory)
        let (facts, _) = try resolver.loadFacts()
        result.facts = facts
        let layout = try facts.layout(for: session.target.profile)
        let (space, match) = try await resolver.findAddressSpace(states, facts)
        result.match = match
        let addresses = resolver.anchorAddresses(facts)
        for name in session.target.profile.anchors.keys.sorted() {
            let detail = facts.anchors[name]?.symbol ?? facts.missingAnchors[name] ?? "no image was given"
            var anchor = Diagnosis.Anchor(name: name, address: addresses[name], detail: detail)
            if let address = addresses[name] { anchor.value = try? await space.word(at: VirtualAddress(address)) }
            result.anchors.append(anchor)
        }
        result.placement = try await resolver.placement(facts, addresses, layout, space)
    }
}

extension GuestLink.RunState {
    /// In words, for people.
    var text: String {
        switch self {
        case .running: "running"
        case .stopped(let reason): "stopped (\(reason))"
        case .assumedRunning:
            "running (assumed: the stub of this version does not tell; give --qmp as well to be exact)"
        }
    }
}
