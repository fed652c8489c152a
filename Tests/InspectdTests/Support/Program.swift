import Foundation
import GuestTesting
import Testing

/// The built `inspectd`, run as a user runs it.
struct Program {
    /// How a run ended and what it wrote.
    struct Run {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Path of the program: it is built beside the tests.
    static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("inspectd").path
    }()

    /// Folder of the files beside this one.
    static let support = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path

    /// Where the program runs, and keeps its cache.
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory(prefix: "cli") }

    /// A path in the directory.
    func file(_ name: String) -> String { directory.file(name) }

    /// Runs `inspectd`.
    func callAsFunction(_ arguments: String..., environment: [String: String] = [:]) async throws -> Run {
        try await run([Self.path] + arguments, environment: environment)
    }

    /// Runs `inspectd`.
    func run(_ arguments: [String]) async throws -> Run { try await run([Self.path] + arguments, environment: [:]) }

    /// Runs another program.
    func run(program words: [String]) async throws -> Run { try await run(words, environment: [:]) }

    /// Runs `inspectd` with the words of a line, and fails the test where it does not end with `status`.
    func output(_ line: String, status: Int32 = 0, environment: [String: String] = [:]) async throws -> String {
        let words = line.split(separator: " ").map(String.init)
        let run = try await run([Self.path] + words, environment: environment)
        try #require(run.status == status, "inspectd \(line): \(run.errors)")
        return run.output
    }

    /// Runs a script of bash, in which `$INSPECTD` is the program.
    func shell(_ script: String, environment: [String: String] = [:]) async throws -> Run {
        try await run(["bash", "-c", script], environment: environment)
    }

    /// Runs a script on a terminal of so many columns; what it shows comes as output, with its escape sequences.
    func terminal(_ script: String, columns: Int = 100, environment: [String: String] = [:]) async throws -> Run {
        try await run(Self.onTerminal(script, columns: columns), environment: environment)
    }

    /// The words that run a script on a terminal.
    static func onTerminal(_ script: String, columns: Int = 100) -> [String] {
        ["script", "-qefc", "stty cols \(columns) rows 50; \(script)", "typescript"]
    }

    /// Starts a program without waiting for its end.
    func start(_ words: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        var all = [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory.path,
            "XDG_CACHE_HOME": file("cache"), "LANG": "C.UTF-8", "TERM": "xterm-256color", "SHELL": "/bin/bash",
            "INSPECTD": Self.path,
        ]
        all.merge(environment) { $1 }
        if let libraries = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] { all["LD_LIBRARY_PATH"] = libraries }
        return try ChildProcess(
            words[0], Array(words.dropFirst()), in: directory, name: "run-\(UUID().uuidString)", environment: all)
    }

    private func run(_ words: [String], environment: [String: String]) async throws -> Run {
        let process = try start(words, environment: environment)
        let exit = await process.wait(timeout: .seconds(120))
        process.stop()
        switch exit {
        case .status(let status)?:
            return Run(status: status, output: process.outputText, errors: process.errorText)
        case .signal(let number)?:
            return Run(status: 128 + number, output: process.outputText, errors: process.errorText)
        case nil: throw TestProcessError("\(words.joined(separator: " ")) did not end within two minutes")
        }
    }

    /// Starts a misbehaving peer and waits until it is ready.
    func peer(_ mode: String, _ path: String) async throws -> ChildProcess {
        let process = try start(["python3", Self.support + "/peer.py", mode, path])
        for _ in 0..<2000 where process.outputText.isEmpty {
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        guard process.outputText.hasPrefix("ready") else {
            throw TestProcessError("the peer '\(mode)' did not get ready: \(process.errorText)")
        }
        return process
    }
}
