public import GuestMemory
internal import KernelImage

/// A guest under inspection: attached, its kernel recognised, its frame table found.
///
/// Use ``withInspector(attachedTo:_:)``: whatever happens inside, the guest is put back as it was.
public final class Inspector: Sendable {
    /// What is inspected.
    public let target: TargetSpecification
    /// How memory is read.
    public let memory: any PhysicalMemory
    /// How the rungs of the memory ladder fared, best first.
    public let rungs: [RungReport]
    /// What is known of the kernel.
    public let facts: KernelFacts
    /// What a slot looks like.
    public let layout: FrameLayout
    /// Where the frame table lies.
    public let placement: TablePlacement
    /// The kernel's address space.
    public let addressSpace: VirtualMemory
    /// QEMU's version, where known.
    public let version: String?
    /// How the guest's code compares with the image's.
    public let imageMatch: ImageMatch
    let link: GuestLink?
    let names: KernelNames
    /// Virtual addresses of the anchors in the guest, by their name in the profile.
    public let anchors: [String: UInt64]

    init(
        target: TargetSpecification, memory: any PhysicalMemory, rungs: [RungReport], kernel: ResolvedKernel,
        link: GuestLink?
    ) {
        self.target = target
        self.memory = memory
        self.rungs = rungs
        facts = kernel.facts
        layout = kernel.layout
        placement = kernel.placement
        addressSpace = kernel.addressSpace
        imageMatch = kernel.match
        names = kernel.names
        anchors = kernel.anchors
        self.link = link
        version = link?.version
    }

    /// Attaches to a guest, runs `body`, and leaves without a trace: on success, errors and cancellation.
    ///
    /// `body` runs where the caller does: on its actor, if it has one.
    /// - Throws: ``InspectorError``; and whatever `body` throws.
    public nonisolated(nonsending) static func withInspector<Result: Sendable>(
        attachedTo target: TargetSpecification, _ body: nonisolated(nonsending) (Inspector) async throws -> Result
    ) async throws -> Result {
        try await GuestSession.with(target) { session in
            let choice = try await session.chooseMemory()
            let states = try await session.processors()
            let kernel = try await KernelResolver(target: target, memory: choice.memory).resolve(states)
            return try await body(
                Inspector(
                    target: target, memory: choice.memory, rungs: choice.reports, kernel: kernel, link: session.link))
        }
    }

    // MARK: Reading the table

    /// A reader of the table where it lies.
    public var reader: FrameTableReader { FrameTableReader(layout: layout, placement: placement, memory: memory) }

    /// Runs `body` while the guest stands still; see ``Provenance/pauseSeconds``.
    func consistently<Result: Sendable>(
        _ body: () async throws(InspectorError) -> Result
    ) async throws(InspectorError) -> (Result, Provenance) {
        let time = WallClock.now
        guard let link else {
            return (try await body(), Provenance(rung: memory.kind, consistent: true, time: time))
        }
        guard target.consistency == .paused || !link.wasRunning || link.isHeldByStub else {
            let provenance = Provenance(rung: memory.kind, consistent: false, time: time, qemuVersion: version)
            let result = try await body()
            try link.checkNotReset()
            return (result, provenance)
        }
        let (result, pause) = try await link.whileStopped(body)
        try link.checkNotReset()
        return (
            result,
            Provenance(
                rung: memory.kind, consistent: true, pauseSeconds: pause ?? link.heldSeconds,
                isHeldByStub: link.heldSeconds != nil, time: time, qemuVersion: version)
        )
    }

    /// Whether the guest runs on while its table is read.
    var isLive: Bool {
        guard let link else { return false }
        return target.consistency == .live && link.wasRunning && !link.isHeldByStub
    }
}
