internal import CallGraph
internal import GuestMemory

/// Proves the installed hooks, each once for all samples of an audit.
struct HookProving {
    private let inspector: Inspector
    private var proofs: [UInt64: HookProof] = [:]
    private var prover: HookProver?
    /// Why hooks cannot be proved; nil where they can.
    private(set) var obstacle: String?

    /// More code and constants than this no kernel has.
    private static let maximumBytes: UInt64 = 256 << 20

    init(inspector: Inspector) { self.inspector = inspector }

    /// The proofs of all hooks of these vtables that are code.
    mutating func prove(_ vtables: [AuditFacts.Vtable]) async throws(InspectorError) -> [UInt64: HookProof] {
        var hooks: Set<UInt64> = []
        for vtable in vtables where !vtable.isInFreeFrame {
            for hook in [vtable.description.onLastRef, vtable.description.onUnmap].compactMap({ $0 }) {
                let isCode = hook.permissions?.contains("x") == true && hook.address.isKernelHalf
                if isCode { hooks.insert(hook.address.rawValue) }
            }
        }
        return try await prove(hooks: hooks)
    }

    /// The proofs of all hooks so far, these among them.
    mutating func prove(hooks: Set<UInt64>) async throws(InspectorError) -> [UInt64: HookProof] {
        let hooks = hooks.filter { proofs[$0] == nil }
        guard !hooks.isEmpty, obstacle == nil else { return proofs }
        if prover == nil { prover = try await makeProver() }
        guard let prover else { return proofs }
        for proof in prover.prove(hooks.sorted()) { proofs[proof.root] = proof }
        return proofs
    }

    private mutating func makeProver() async throws(InspectorError) -> HookProver? {
        guard let catalogue = inspector.target.profile.hookSinks else {
            obstacle = "the profile \(inspector.target.profile.name) does not say what a hook must not call"
            return nil
        }
        let sections = inspector.facts.sections.filter { !$0.isWritable }
        guard sections.contains(where: \.isExecutable) else {
            obstacle = "no image with code was given: where the kernel's code lies is not known"
            return nil
        }
        guard sections.reduce(UInt64(0), { $0 &+ $1.size }) <= HookProving.maximumBytes else {
            obstacle = "the image has more than 256 MiB of code and constants"
            return nil
        }
        // The code is the guest's: what runs, not what the image promises.
        var regions: [CodeMemory.Region] = []
        for section in sections {
            let address = section.address &+ inspector.target.slide
            do {
                let bytes = try await inspector.addressSpace.bytes(
                    at: VirtualAddress(address), count: Int(section.size))
                let translation = try await inspector.addressSpace.translate(VirtualAddress(address))
                regions.append(
                    CodeMemory.Region(
                        address: address, bytes: bytes, isWritable: translation.isWritable,
                        isExecutable: translation.isExecutable))
            } catch {
                if error.code == .guestGone { throw InspectorError(error) }
                // What cannot be read is unreadable to the proof, which says so where code leads there.
            }
        }
        return HookProver(
            memory: CodeMemory(regions), names: inspector.names.codeNames(), catalogue: catalogue)
    }
}
