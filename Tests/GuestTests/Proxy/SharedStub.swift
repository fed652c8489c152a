import Foundation
import GuestTesting
import QMP
import SocketTransport
import Testing

/// `inspectd gdb-proxy` in front of a QEMU, with real debuggers at it.
final class SharedStub: Sendable {
    /// Where debuggers connect.
    let address: String
    let process: ChildProcess
    let directory: TemporaryDirectory

    /// Starts the proxy, and waits until it listens.
    init(
        _ arguments: [String], listen: String? = nil, in directory: TemporaryDirectory, name: String = "proxy"
    ) async throws {
        self.directory = directory
        address = listen ?? directory.file("\(name).sock")
        process = try Self.start(arguments + ["--listen", address], in: directory, name: name)
        let deadline = ContinuousClock.now + .seconds(30)
        while !process.outputText.contains("Debuggers connect") {
            guard process.isRunning, ContinuousClock.now < deadline else {
                throw TestProcessError("the proxy does not listen: \(process.errorText)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Starts a proxy that may fail.
    static func start(
        _ arguments: [String], in directory: TemporaryDirectory, name: String = "proxy"
    ) throws -> ChildProcess {
        try ChildProcess(
            BuiltProgram.inspectd(), ["gdb-proxy"] + arguments, in: directory, name: name,
            environment: environment(directory))
    }

    /// The environment for programs: no options of the user's own, and a cache for the test.
    static func environment(_ directory: TemporaryDirectory) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("INSPECTD_") }
        environment["XDG_CACHE_HOME"] = directory.file("cache")
        environment["HOME"] = directory.path
        environment["LC_ALL"] = "C.UTF-8"
        return environment
    }

    /// Runs `body` with a proxy that is ended afterwards.
    static func with<Value>(
        _ arguments: [String], in directory: TemporaryDirectory, name: String = "proxy",
        body: (SharedStub) async throws -> Value
    ) async throws -> Value {
        let stub = try await SharedStub(arguments, in: directory, name: name)
        defer { stub.process.stop() }
        return try await body(stub)
    }

    /// Runs commands in gdb, and gives what it printed.
    static func gdb(
        _ commands: [String], kernel: String, in directory: TemporaryDirectory, name: String = "gdb"
    ) async throws -> String {
        let process = try startGDB(commands, kernel: kernel, in: directory, name: name)
        guard await process.wait(timeout: .seconds(120)) != nil else {
            process.stop()
            throw TestProcessError("gdb does not end: \(process.outputText) \(process.errorText)")
        }
        return process.outputText + process.errorText
    }

    /// Starts gdb with commands.
    static func startGDB(
        _ commands: [String], kernel: String, in directory: TemporaryDirectory, name: String = "gdb"
    ) throws -> ChildProcess {
        let words = ["-nx", "-q", "-batch"] + commands.flatMap { ["-ex", $0] } + [kernel]
        return try ChildProcess("gdb", words, in: directory, name: name, environment: environment(directory))
    }

    /// Whether a guest runs.
    static func isRunning(_ qmp: String) async throws -> Bool {
        try await QMPClient.withConnection(to: try QMPAddress(qmp)) { try await $0.execute(QueryStatus()).running }
    }

    /// Waits until a guest runs, or stands still.
    static func expect(running: Bool, _ qmp: String, _ what: String = "") async throws {
        let deadline = ContinuousClock.now + .seconds(20)
        while try await isRunning(qmp) != running {
            guard ContinuousClock.now < deadline else { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        try await Task.sleep(for: .milliseconds(30))
        #expect(try await isRunning(qmp) == running, "\(what)")
    }
}
