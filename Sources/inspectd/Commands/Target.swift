import FrameInspect
import GDBRemote
import Glibc
import QMP
import SocketTransport
import SystemPackage

extension TargetSelection {
    /// The library's form of the selection; the profile is read here.
    func specification() throws -> TargetSpecification {
        try StandardDescriptors.makeRoom()
        var target = TargetSpecification(profile: try loadProfile())
        target.qmp = try qmp.map { try QMPAddress($0.description) }
        target.gdb = try gdb.map { try GDBAddress($0.description) }
        target.core = core.map { FilePath($0) }
        target.kernel = kernel.map { FilePath($0) }
        target.slide = UInt64(bitPattern: slide ?? 0)
        for anchor in anchors {
            guard target.profile.anchors[anchor.name] != nil else {
                let names = target.profile.anchors.keys.sorted().joined(separator: ", ")
                throw CommandError(
                    .usage, "the profile \(target.profile.name) has no anchor \(anchor.name); there are: \(names)")
            }
            target.anchors[anchor.name] = anchor.address
        }
        target.memory = FrameInspect.MemoryChoice(memory.rawValue) ?? .auto
        target.consistency = consistency == .live ? .live : .paused
        if let timeout { target.timeout = .milliseconds(Int64(timeout * 1000)) }
        target.cache = .standard()
        return target
    }

    private func loadProfile() throws -> KernelProfile {
        guard profile.contains("/") || profile.hasSuffix(".json") else { return try KernelProfile.named(profile) }
        let bytes = try InputFile.bytes(profile, what: "profile", limit: KernelProfile.maximumBytes)
        do {
            return try KernelProfile(parsing: bytes)
        } catch {
            throw CommandError(.mismatch, "\(profile): \(error)")
        }
    }
}

extension TargetOptions {
    /// Attaches to the guest that the options name and runs `body`, with a progress bar where it takes long.
    func withInspector<Result: Sendable>(
        _ output: OutputOptions, _ body: (Inspector) async throws -> Result
    ) async throws -> Result {
        let target = try selection(environment: ProcessEnvironment.current()).specification()
        return try await output.withInspector(target, body)
    }
}

extension OutputOptions {
    /// Attaches to a guest and runs `body`; a read that takes long shows a bar on standard error.
    func withInspector<Result: Sendable>(
        _ target: TargetSpecification, _ body: (Inspector) async throws -> Result
    ) async throws -> Result {
        if let inspector = CommandCapture.current?.inspector { return try await body(inspector) }
        let bar = ProgressBar("Reading guest memory", terminal: errorTerminal)
        defer { bar.finish() }
        let suspension = Suspension()
        defer { suspension.allow() }
        var target = target
        target.progress = { bar.update(done: $0, total: $1) }
        return try await Inspector.withInspector(attachedTo: target, body)
    }
}
