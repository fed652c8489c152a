import Foundation
import GuestTesting
import Testing

/// The page in a real browser: by itself, and served by a daemon that watches a guest.
@Suite(.serialized) struct PageTests {
    private static let script = GuestBuild.packageRoot + "/Tests/Page/page_test.py"

    @Test(.timeLimit(.minutes(8))) func drawsMillionsOfFrames() async throws {
        let program = try Program()
        let run = try program.start(["python3", Self.script, "--shots", program.file("shots")])
        #expect(await run.wait(timeout: .seconds(420)) == .status(0), "\(run.outputText)\(run.errorText)")
    }

    @Test(.timeLimit(.minutes(8))) func showsWhatADaemonSees() async throws {
        let program = try Program()
        let (token, file) = ("0123456789abcdef0123", program.file("token"))
        try token.write(toFile: file, atomically: true, encoding: .utf8)
        chmod(file, 0o600)
        let port = try await program.shell(
            "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'")
        let address = "127.0.0.1:" + port.output.split(separator: "\n")[0]
        try await TestGuest.with(.init(.release, megabytes: 256, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.command("seed 6")
            try await guest.command("churn 2000")
            let lines = RunningDaemon.guest(guest, interval: "250ms") + "\nlisten: \(address)\ntokenFile: \(file)"
            var daemon = try await RunningDaemon.start(program, lines)
            _ = try await daemon.wait(for: "/v1/guests/demo/summary", "a first look") { _ in true }
            // The script asks for things by making a file, and waits until it is gone.
            func ask(_ name: String) -> String {
                "touch \(program.file(name)); while [ -e \(program.file(name)) ]; do sleep 0.02; done"
            }
            let run = try program.start([
                "python3", Self.script, "http://\(address)/?token=\(token)", "--guest", "demo", "--plant", ask("plant"),
                "--restart", ask("restart"), "--limit", "4", "--shots", program.file("shots"),
            ])
            defer { run.stop() }
            while run.isRunning {
                if FileManager.default.fileExists(atPath: program.file("plant")) {
                    try await guest.command("plant hook-locks")
                    try FileManager.default.removeItem(atPath: program.file("plant"))
                }
                if FileManager.default.fileExists(atPath: program.file("restart")) {
                    _ = await daemon.end()
                    try await Task.sleep(for: .milliseconds(500))
                    daemon = try await RunningDaemon.start(program, lines)
                    try FileManager.default.removeItem(atPath: program.file("restart"))
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(run.exited == .status(0), "\(run.outputText)\(run.errorText)")
            _ = await daemon.end()
        }
    }
}
