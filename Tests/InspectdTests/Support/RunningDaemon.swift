import Foundation
import GuestTesting
import Testing

/// A running `inspectd serve`, asked with curl as its users ask it.
struct RunningDaemon {
    /// An answer.
    struct Answer {
        var status: Int
        var text: String

        /// The document.
        func object() throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
        }

        /// A list in the document.
        func list(_ name: String) throws -> [[String: Any]] { try #require(try object()[name] as? [[String: Any]]) }
    }

    let program: Program
    let process: ChildProcess
    let socket: String

    /// Starts it with these lines of configuration and waits until it listens.
    static func start(_ program: Program, _ lines: String, name: String = "daemon") async throws -> RunningDaemon {
        let socket = program.file("api.sock")
        let file = program.file("\(name).yaml")
        try "socket: \(socket)\n\(lines)\n".write(toFile: file, atomically: true, encoding: .utf8)
        let process = try program.start(
            [Program.path, "serve", "--config", file], environment: ["XDG_STATE_HOME": program.file("state")])
        let daemon = RunningDaemon(program: program, process: process, socket: socket)
        for _ in 0..<1500 {
            if let answer = try? await daemon.get("/healthz"), answer.status == 200 { return daemon }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw TestProcessError("the daemon does not listen: \(process.errorText)")
    }

    /// A guest's lines of configuration.
    static func guest(_ guest: TestGuest, id: String = "demo", interval: String = "100ms", more: String = "") -> String
    {
        """
        guests:
          - id: \(id)
            qmp: \(guest.qmpSocket)
            kernel: \(guest.kernel)
            interval: \(interval)
        \(more)
        """
    }

    /// Asks for a path.
    func get(_ path: String, _ options: [String] = []) async throws -> Answer {
        let words =
            ["curl", "-sg", "--max-time", "30", "--unix-socket", socket, "-w", "\n%{http_code}"] + options
            + ["http://localhost" + path]
        let process = try program.start(words)
        let exit = await process.wait(timeout: .seconds(40))
        guard exit == .status(0) else {
            throw TestProcessError("curl \(path) ended with \(String(describing: exit)): \(process.errorText)")
        }
        let text = process.outputText
        let line = text.lastIndex(of: "\n") ?? text.startIndex
        return Answer(status: Int(text[text.index(after: line)...]) ?? 0, text: String(text[..<line]))
    }

    /// Sends a document.
    func post(_ path: String, _ body: String) async throws -> Answer {
        try await get(path, ["-X", "POST", "-H", "content-type: application/json", "-d", body])
    }

    /// Waits until an answer of the path satisfies; fails the test after some time.
    func wait(
        for path: String, seconds: Int = 30, _ what: String, until condition: ([String: Any]) -> Bool
    ) async throws -> [String: Any] {
        var last = ""
        for _ in 0..<(seconds * 10) {
            let answer = try await get(path)
            last = answer.text
            if answer.status == 200, condition(try answer.object()) { return try answer.object() }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw TestProcessError("\(what) did not come within \(seconds) s: \(last); \(process.errorText)")
    }

    /// Ends it and says how long that took.
    func end(_ signal: Int32 = SIGTERM) async -> (exit: ChildProcess.Exit?, seconds: Double) {
        let start = ContinuousClock.now
        process.send(signal: signal)
        let exit = await process.wait(timeout: .seconds(20))
        let time = (ContinuousClock.now - start).components
        return (exit, Double(time.seconds) + Double(time.attoseconds) * 1e-18)
    }
}
