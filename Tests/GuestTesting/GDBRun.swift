import Foundation

/// Runs a module of `Tests/gdb` inside the real GDB, with the companion's commands loaded.
public enum GDBRun {
    /// What to do in GDB before the module runs.
    public struct Setup: Sendable {
        /// Path of the kernel's image; nil for none.
        public var image: String?
        /// Address of the stub to connect to; nil for none.
        public var target: String?
        /// Commands before the companion is loaded.
        public var before: [String] = []

        /// Nothing but what is given.
        public init(image: String? = nil, target: String? = nil, before: [String] = []) {
            self.image = image
            self.target = target
            self.before = before
        }
    }

    /// Runs a module's tests; nil where all of them pass, else what GDB printed.
    ///
    /// - Parameters:
    ///   - module: File name in `Tests/gdb` without its ending.
    ///   - setup: What GDB is given.
    ///   - environment: What the module is told, besides where `inspectd` is.
    ///   - directory: Where GDB writes and keeps its files.
    /// - Throws: ``TestProcessError`` where GDB cannot be started or takes too long.
    public static func failure(
        of module: String, _ setup: Setup = Setup(), environment: [String: String] = [:],
        in directory: TemporaryDirectory, timeout: Duration = .seconds(240)
    ) async throws -> String? {
        let root = GuestBuild.packageRoot
        var words = ["-nx", "-batch"]
        func add(_ command: String) { words += ["-ex", command] }
        for command in setup.before { add(command) }
        if let image = setup.image { add("file \(image)") }
        add("source \(root)/gdbscripts/frameinspect.py")
        if let target = setup.target { add("target remote \(target)") }
        add("python import sys; sys.path.insert(0, '\(root)/Tests/gdb'); import harness; harness.run('\(module)')")
        var all = ProcessInfo.processInfo.environment
        all["PYTHONDONTWRITEBYTECODE"] = "1"
        all["LANG"] = "C.UTF-8"
        all["FI_INSPECTD"] = try BuiltProgram.inspectd()
        all["FI_ROOT"] = root
        all.merge(environment) { $1 }
        let gdb = try ChildProcess("gdb", words, in: directory, name: "gdb-\(module)", environment: all)
        let exit = await gdb.wait(timeout: timeout)
        gdb.stop()
        let output = gdb.outputText + gdb.errorText
        if exit == .status(0), output.contains(" passed, 0 failed") { return nil }
        return "\(module), \(exit.map { "\($0)" } ?? "no end after \(timeout)"): \(output.suffix(6000))"
    }
}
