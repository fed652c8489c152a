internal import GuestMemory
internal import KernelImage
internal import SystemPackage

/// Recognises the guest's kernel and finds its frame table.
struct KernelResolver: Sendable {
    let target: TargetSpecification
    let memory: any PhysicalMemory

    /// Does all of it.
    func resolve(_ processors: [ProcessorState]) async throws(InspectorError) -> ResolvedKernel {
        let (facts, names) = try loadFacts()
        let layout = try facts.layout(for: target.profile)
        let (space, match) = try await findAddressSpace(processors, facts)
        let anchors = anchorAddresses(facts)
        let placement = try await placement(facts, anchors, layout, space)
        return ResolvedKernel(
            facts: facts, layout: layout, placement: placement, addressSpace: space, match: match, names: names,
            anchors: anchors)
    }

    // MARK: The image

    /// What the image says, from the cache where it is there.
    func loadFacts() throws(InspectorError) -> (KernelFacts, KernelNames) {
        guard let path = target.kernel else {
            return (KernelFacts(profile: target.profile), KernelNames(path: nil, slide: target.slide))
        }
        let image: KernelImage
        do { image = try KernelImage(path: path) } catch { throw InspectorError(error) }
        let names = KernelNames(path: path, slide: target.slide, image: image)
        if let buildID = image.buildIDText, let known = target.cache?.facts(buildID: buildID, profile: target.profile) {
            return (known, names)
        }
        let facts = try KernelFacts(image: image, profile: target.profile)
        target.cache?.store(facts, profile: target.profile)
        return (facts, names)
    }

    /// Addresses in the guest: what the caller gave wins over symbols, which are moved by the slide.
    func anchorAddresses(_ facts: KernelFacts) -> [String: UInt64] {
        facts.anchors.mapValues { $0.address &+ target.slide }.merging(target.anchors) { $1 }
    }

    // MARK: The address space

    /// The page tables of a virtual CPU under which the kernel's code is what the image says.
    func findAddressSpace(
        _ processors: [ProcessorState], _ facts: KernelFacts
    ) async throws(InspectorError) -> (VirtualMemory, ImageMatch) {
        let states = processors.filter(\.isLongMode)
        guard !states.isEmpty else {
            throw InspectorError(
                .profileMismatch,
                "no virtual CPU of the guest is in 64-bit mode: its kernel has not started yet, or it is a 32-bit one")
        }
        var seen: Set<UInt64> = []
        var refusal: KernelCode.Match?
        for state in states where seen.insert(state.cr3).inserted {
            let space = VirtualMemory(memory: memory, state: state)
            let match: KernelCode.Match
            do {
                match = try await KernelCode.match(facts.samples, slide: target.slide, in: space)
            } catch {
                throw InspectorError(error)
            }
            switch match {
            case .equal(let pieces): return (space, .equal(pieces: pieces))
            case .nothingToCompare:
                let reason = target.kernel == nil ? "no image was given" : "the image has no code"
                return (space, .unknown(reason))
            case .unmapped, .different: refusal = KernelResolver.clearer(refusal, match)
            }
        }
        throw mismatch(refusal, facts)
    }

    /// Of two reasons the one that says more.
    private static func clearer(_ first: KernelCode.Match?, _ second: KernelCode.Match) -> KernelCode.Match {
        if case .different? = first { return first ?? second }
        return second
    }

    private func mismatch(_ match: KernelCode.Match?, _ facts: KernelFacts) -> InspectorError {
        let image = target.kernel?.string ?? "the image"
        let identity = facts.buildID.map { " (build id \($0))" } ?? ""
        func hex(_ bytes: [UInt8]) -> String {
            bytes.prefix(16).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        }
        switch match {
        case .different(let equal, let count, let address, let imageBytes, let guestBytes)?:
            return InspectorError(
                .imageMismatch,
                "the guest does not run \(image)\(identity): \(count - equal) of \(count) pieces of code differ; at "
                    + "0x\(String(address, radix: 16)) the image has \(hex(imageBytes)), the guest has \(hex(guestBytes)). "
                    + "Give the ELF file that the guest was booted from with --kernel")
        case .unmapped(let address, _)?:
            return InspectorError(
                .imageMismatch,
                "the guest does not run \(image)\(identity): its code would be at 0x\(String(address, radix: 16)), where "
                    + "the guest has nothing mapped. The kernel has not started yet, or was moved (give --slide), or it "
                    + "is another kernel")
        default:
            return InspectorError(.imageMismatch, "the guest's code cannot be compared with \(image)\(identity)")
        }
    }
}
