import Foundation

/// Builds the test kernel, each variant once in a test run.
public actor GuestBuild {
    /// The one builder; other processes are kept out by the script's own lock.
    public static let shared = GuestBuild()

    private var builds: [GuestVariant: Task<String, any Error>] = [:]

    /// Root folder of the package.
    public static let packageRoot: String = {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// The path of a variant's ELF file, which is built first where it is older than its sources.
    ///
    /// - Throws: ``TestProcessError`` with the compiler's words.
    public func kernel(_ variant: GuestVariant) async throws -> String {
        if let build = builds[variant] { return try await build.value }
        let build = Task { try await Self.run(variant) }
        builds[variant] = build
        return try await build.value
    }

    private static func run(_ variant: GuestVariant) async throws -> String {
        let directory = try TemporaryDirectory(prefix: "build")
        let script = "\(packageRoot)/scripts/build-guest"
        let process = try ChildProcess(script, [variant.rawValue], in: directory)
        let exit = await process.wait(timeout: .seconds(600))
        guard exit == .status(0) else {
            process.stop()
            throw TestProcessError("scripts/build-guest \(variant.rawValue) did not succeed: \(process.errorText)")
        }
        return "\(packageRoot)/Tests/Guest/build/\(variant.rawValue)/kernel.elf"
    }
}
