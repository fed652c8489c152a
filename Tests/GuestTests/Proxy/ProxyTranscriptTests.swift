import Foundation
import GuestTesting
import Testing

/// A real gdb notices nothing of the proxy.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ProxyTranscriptTests {
    /// The session of `Tests/gdb/session.gdb`, with a fresh guest that stands at its first instruction.
    ///
    /// Its clock counts instructions, so that both runs are the same to the last one.
    private static func transcript(throughProxy: Bool) async throws -> String {
        let kernel = try await GuestBuild.shared.kernel(.debug)
        let arguments = [
            "-S", "-icount", "shift=3,sleep=off", "-machine", "q35", "-accel", "tcg", "-m", "64M", "-smp", "2",
            "-kernel",
            kernel, "-serial", "null",
        ]
        return try await QEMUProcess.with(arguments, gdb: true) { qemu in
            let stub = try #require(qemu.gdbSocket)
            guard throughProxy else { return try await run(at: stub, kernel: kernel, in: qemu.directory) }
            return try await SharedStub.with(["--gdb", stub, "--kernel", kernel], in: qemu.directory) { proxy in
                let text = try await run(at: proxy.address, kernel: kernel, in: qemu.directory)
                #expect(proxy.process.errorText.components(separatedBy: "controls the guest").count == 4)
                return text
            }
        }
    }

    private static func run(at address: String, kernel: String, in directory: TemporaryDirectory) async throws -> String
    {
        let session = "\(GuestBuild.packageRoot)/Tests/gdb/session.gdb"
        let script = "exec gdb -nx -q -ex 'set $target = \"\(address)\"' \"$1\" < \"$2\" 2>&1"
        let gdb = try ChildProcess(
            "bash", ["-c", script, "bash", kernel, session], in: directory, name: "gdb",
            environment: SharedStub.environment(directory))
        #expect(await gdb.wait(timeout: .seconds(180)) == .status(0), "\(gdb.outputText.suffix(2000))")
        gdb.stop()
        try await SharedStub.expect(running: true, directory.file("qmp.sock"), "after the session")
        return gdb.outputText.replacing(address, with: "ADDRESS")
    }

    @Test func aSessionIsTheSameThroughTheProxy() async throws {
        let direct = try await Self.transcript(throughProxy: false).components(separatedBy: "\n")
        let proxied = try await Self.transcript(throughProxy: true).components(separatedBy: "\n")
        #expect(direct.filter { $0.hasPrefix("+") }.count >= 60)
        for word in ["hit Breakpoint", "hit Watchpoint", "hit Hardware read watchpoint", "Run till exit", "detached"] {
            #expect(direct.contains { $0.contains(word) }, "\(word)")
        }
        for (number, (one, other)) in zip(direct, proxied).enumerated() where one != other {
            Issue.record("line \(number + 1): directly '\(one)', through the proxy '\(other)'")
            break
        }
        #expect(direct.count == proxied.count)
    }
}
