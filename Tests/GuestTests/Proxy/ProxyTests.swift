import Foundation
import GDBRemote
import GuestTesting
import QMP
import SocketTransport
import Testing

/// The proxy between real debuggers and a real QEMU: the guest is left as it would be without, whoever leaves and when.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ProxyTests {
    private static func with<Value>(
        _ more: (TestGuest) throws -> [String] = { _ in [] }, cpus: Int = 2,
        body: (TestGuest, SharedStub) async throws -> Value
    ) async throws -> Value {
        var configuration = TestGuest.Configuration(.release, megabytes: 64, cpus: cpus, gdb: true)
        configuration.qmpSockets = 2
        return try await TestGuest.with(configuration) { guest in
            let stub = try #require(guest.gdbSocket)
            let arguments = ["--gdb", stub, "--kernel", guest.kernel] + (try more(guest))
            return try await SharedStub.with(arguments, in: guest.qemu.directory) { try await body(guest, $0) }
        }
    }

    /// The QMP socket that tests ask; the first is the proxy's.
    private static func qmp(_ guest: TestGuest) -> String { guest.qemu.qmpSockets[1] }

    private static func gdb(_ commands: [String], _ guest: TestGuest, _ stub: SharedStub) async throws -> String {
        try await SharedStub.gdb(
            ["target remote \(stub.address)"] + commands, kernel: guest.kernel, in: guest.qemu.directory,
            name: "gdb\(UInt32.random(in: 0...UInt32.max))")
    }

    // MARK: Running and stopping

    @Test func controlCStopsARunningGuest() async throws {
        try await Self.with { guest, stub in
            let gdb = try SharedStub.startGDB(
                ["target remote \(stub.address)", "echo ready\\n", "continue", "info threads", "detach"],
                kernel: guest.kernel, in: guest.qemu.directory)
            let deadline = ContinuousClock.now + .seconds(60)
            while !gdb.outputText.contains("ready"), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(10))
            }
            try await SharedStub.expect(running: true, Self.qmp(guest), "after continue")
            gdb.send(signal: SIGINT)
            #expect(await gdb.wait(timeout: .seconds(60)) == .status(0))
            #expect(gdb.outputText.contains("received signal SIGINT"))
            #expect(gdb.outputText.contains("CPU#1"))
            try await SharedStub.expect(running: true, Self.qmp(guest), "after detach")
        }
    }

    @Test func killingFromTheDebuggerEndsQEMUAndTheProxyGoesOn() async throws {
        try await Self.with { guest, stub in
            _ = try await Self.gdb(["kill"], guest, stub)
            #expect(await guest.qemu.process.wait(timeout: .seconds(20)) != nil)
            // The next debugger is told, and does not hang.
            let text = try await Self.gdb(["info threads"], guest, stub)
            #expect(text.contains("No threads"))
            #expect(stub.process.isRunning)
            #expect(
                stub.process.errorText.contains("nobody listens at") || stub.process.errorText.contains("no socket at"))
        }
    }

    // MARK: Leaving

    @Test(arguments: [false, true]) func aDebuggerThatIsKilledLeavesNoTrace(_ hasQMP: Bool) async throws {
        try await Self.with({ hasQMP ? ["--qmp", $0.qmpSocket] : [] }) { guest, stub in
            for round in 0..<6 {
                let gdb = try SharedStub.startGDB(
                    [
                        "set breakpoint always-inserted on", "target remote \(stub.address)",
                        "break strat9_kernel::commands::run", "watch *(unsigned long *)$rsp",
                        "maintenance packet Qqemu.PhyMemMode:1",
                        "maintenance packet Qqemu.PhyMemMode:0",
                        "python for i in range(100000): gdb.execute('stepi', to_string=True)",
                    ], kernel: guest.kernel, in: guest.qemu.directory, name: "killed\(round)")
                try await Task.sleep(for: .milliseconds(Int.random(in: 100...900)))
                gdb.send(signal: SIGKILL)
                _ = await gdb.wait(timeout: .seconds(10))
                try await SharedStub.expect(running: true, Self.qmp(guest), "round \(round)")
            }
            // No breakpoint is left on the way of a command.
            try await guest.command("ping")
            let raw = try RawStubConnection(try StreamAddress(stub.address))
            #expect(try raw.ask("qqemu.PhyMemMode") == "0")
            #expect(try raw.ask("D;1") == "OK")
        }
    }

    @Test func aGuestThatStoodStillStandsStillAfterwards() async throws {
        try await Self.with { guest, stub in
            try await QMPClient.withConnection(to: try QMPAddress(Self.qmp(guest))) {
                _ = try await $0.execute(StopGuest())
            }
            let gdb = try SharedStub.startGDB(
                ["target remote \(stub.address)", "echo ready\\n", "continue"], kernel: guest.kernel,
                in: guest.qemu.directory)
            try await SharedStub.expect(running: true, Self.qmp(guest), "after continue")
            gdb.send(signal: SIGKILL)
            _ = await gdb.wait(timeout: .seconds(10))
            // QEMU 10 and later do not tell a paused guest from a running one at the stub alone.
            let version = try await QMPClient.withConnection(to: try QMPAddress(Self.qmp(guest))) { $0.version.major }
            try await SharedStub.expect(running: version >= 8, Self.qmp(guest), "after the kill")
        }
    }

    @Test(arguments: [SIGINT, SIGTERM]) func theEndOfTheProxyPutsTheGuestBack(_ signal: Int32) async throws {
        try await Self.with { guest, stub in
            let raw = try RawStubConnection(try StreamAddress(stub.address))
            #expect(try raw.ask("qSupported").contains("PacketSize"))
            #expect(try raw.ask("Z0,ffffffff80201000,1") == "OK")
            #expect(try raw.ask("Qqemu.PhyMemMode:1") == "OK")
            #expect(try await !SharedStub.isRunning(Self.qmp(guest)))
            stub.process.send(signal: signal)
            #expect(await stub.process.wait(timeout: .seconds(20)) == .status(128 + signal))
            try await SharedStub.expect(running: true, Self.qmp(guest))
            #expect(access(stub.address, F_OK) != 0, "the socket's file is gone")
            let direct = try RawStubConnection(try StreamAddress(try #require(guest.gdbSocket)))
            #expect(try direct.ask("qqemu.PhyMemMode") == "0")
            #expect(try direct.ask("D;1") == "OK")
            try await guest.command("ping")
        }
    }

    @Test func clientsThatStopReadingOrSpeakNonsenseHoldUpNobody() async throws {
        try await Self.with { guest, stub in
            let address = try StreamAddress(stub.address)
            let flood = try RawStubConnection(address)
            _ = try flood.ask("qSupported")
            let packets = [UInt8]((0..<64).flatMap { _ in Array("$mffffffff80201000,400#e8".utf8) })
            while (try? flood.send(packets)) != nil, stub.process.isRunning {
                if stub.process.errorText.contains("was let go") { break }
            }
            try await SharedStub.expect(running: true, Self.qmp(guest), "after the flood")
            let noise = try RawStubConnection(address)
            try? noise.send([UInt8](repeating: 0x55, count: 50_000))
            for _ in 0..<1000 where stub.process.errorText.components(separatedBy: "was let go").count < 3 {
                try await Task.sleep(for: .milliseconds(10))
            }
            try await SharedStub.expect(running: true, Self.qmp(guest), "after the noise")
            #expect(try await Self.gdb(["info threads", "detach"], guest, stub).contains("CPU#1"))
            #expect(stub.process.errorText.components(separatedBy: "was let go").count == 3)
            try await guest.command("ping")
        }
    }

    // MARK: Watching

    @Test func othersWatchWhileOneControls() async throws {
        try await Self.with { guest, stub in
            let raw = try RawStubConnection(try StreamAddress(stub.address))
            _ = try raw.ask("qSupported")
            let before = try raw.ask("g")
            let text = try await Self.gdb(
                [
                    "info threads", "thread 2", "info registers cr3", "x/2i $pc", "break *0xffffffff80201000",
                    "continue", "detach",
                ],
                guest, stub)
            #expect(text.contains("CPU#1"))
            #expect(text.contains("Cannot insert breakpoint 1"))
            #expect(!(try await SharedStub.isRunning(Self.qmp(guest))))
            #expect(try raw.ask("g") == before)
            // The program itself watches, too, when it is given the proxy for a stub.
            let program = try ChildProcess(
                BuiltProgram.inspectd(), ["frame", "0x200000", "--gdb", stub.address, "--kernel", guest.kernel],
                in: guest.qemu.directory, name: "frame", environment: SharedStub.environment(guest.qemu.directory))
            #expect(await program.wait(timeout: .seconds(60)) == .status(0), "\(program.errorText)")
            #expect(program.outputText.contains("Frame 0x200000"))
            #expect(try raw.ask("qqemu.PhyMemMode") == "0")
            #expect(!(try await SharedStub.isRunning(Self.qmp(guest))))
            #expect(try raw.ask("D;1") == "OK")
        }
    }

    // MARK: Commands

    /// What a command printed, up to the lines that say how memory was read.
    private static func body(_ text: String) -> String {
        text.components(separatedBy: "\nMemory:")[0].trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test(arguments: [false, true]) func monitorCommandsAreThoseOfTheProgram(_ hasQMP: Bool) async throws {
        try await Self.with({ hasQMP ? ["--qmp", $0.qmpSocket] : [] }) { guest, stub in
            try await guest.command("freeze")
            for command in ["frame 0x200000", "summary", "vtables", "hooks", "owner 0x200000", "dump --limit 5"] {
                let program = try ChildProcess(
                    BuiltProgram.inspectd(),
                    command.split(separator: " ").map(String.init) + [
                        "--qmp", Self.qmp(guest), "--kernel", guest.kernel,
                    ],
                    in: guest.qemu.directory, name: "direct\(hasQMP)\(command.prefix(3))",
                    environment: SharedStub.environment(guest.qemu.directory))
                #expect(await program.wait(timeout: .seconds(60)) == .status(0), "\(program.errorText)")
                // Console output is gdb's standard error.
                let gdb = try SharedStub.startGDB(
                    ["target remote \(stub.address)", "monitor fi --width 0 \(command)", "detach"],
                    kernel: guest.kernel,
                    in: guest.qemu.directory, name: "fi\(hasQMP)\(command.prefix(3))")
                #expect(await gdb.wait(timeout: .seconds(120)) == .status(0))
                let answer = gdb.errorText
                let expected = Self.body(program.outputText)
                #expect(!expected.isEmpty)
                #expect(Self.body(answer).contains(expected), "monitor fi \(command)")
            }
            let text = try await Self.gdb(
                [
                    "monitor fi version", "monitor fi frame nonsense", "monitor fi nonsense",
                    "monitor fi audit --write-baseline x",
                    "monitor fi dump --where 'flags.USER", "monitor info version", "monitor fi help", "detach",
                ], guest, stub)
            #expect(text.contains("inspectd 0.1.0 api 1\n"))
            #expect(text.contains("'nonsense' is not a physical address"))
            #expect(text.contains("no command 'nonsense' for debuggers"))
            #expect(text.contains("--write-baseline is not for debuggers"))
            #expect(text.contains("a quote is not closed"))
            #expect(text.contains("monitor fi COMMAND"))
            try await SharedStub.expect(running: true, Self.qmp(guest))
        }
    }

    @Test func commandsOfWatchersWorkOverQMPWhileTheGuestRuns() async throws {
        for hasQMP in [true, false] {
            try await Self.with({ hasQMP ? ["--qmp", $0.qmpSocket] : [] }) { guest, stub in
                let address = try StreamAddress(stub.address)
                let controller = try RawStubConnection(address)
                _ = try controller.ask("qSupported")
                let watcher = try RawStubConnection(address)
                try controller.send(Array("$vCont;c#a8".utf8))
                try await SharedStub.expect(running: true, Self.qmp(guest))
                let command = "fi frame 0x200000".utf8.map { String($0, radix: 16) }.joined()
                let text = try watcher.console("qRcmd,\(command)")
                #expect(text.contains(hasQMP ? "Frame 0x200000" : "stop it with ^C"))
                #expect(try await SharedStub.isRunning(Self.qmp(guest)))
                // The controller still waits for its stop, and gets it.
                try controller.send([0x03])
                #expect(try controller.stop().hasPrefix("T02"))
                #expect(try controller.ask("D;1") == "OK")
            }
        }
    }

    // MARK: A stub that is started for the purpose

    @Test func aStubThatTheProxyStartedIsStoppedAgain() async throws {
        var configuration = TestGuest.Configuration(.release, megabytes: 64)
        configuration.qmpSockets = 2
        try await TestGuest.with(configuration) { guest in
            let files = {
                try FileManager.default.contentsOfDirectory(atPath: guest.qemu.directory.path).filter {
                    $0.contains(".gdb-")
                }
            }
            let arguments = ["--qmp", guest.qmpSocket, "--start-stub", "--kernel", guest.kernel]
            try await SharedStub.with(arguments, in: guest.qemu.directory) { stub in
                #expect(try files().count == 1)
                #expect(try await SharedStub.isRunning(Self.qmp(guest)), "starting a stub stops nothing")
                #expect(
                    try await Self.gdb(["info threads", "monitor fi version", "detach"], guest, stub).contains("CPU#0"))
                let raw = try RawStubConnection(try StreamAddress(stub.address))
                #expect(try raw.ask("Z0,ffffffff80201000,1") == "OK")
                stub.process.send(signal: SIGTERM)
                #expect(await stub.process.wait(timeout: .seconds(20)) == .status(128 + SIGTERM))
            }
            #expect(try files().isEmpty)
            try await SharedStub.expect(running: true, Self.qmp(guest))
            let devices = try await QMPClient.withConnection(to: try QMPAddress(Self.qmp(guest))) {
                try await $0.monitor("info chardev")
            }
            #expect(!devices.contains(".gdb-"))
        }
    }

    // MARK: Speed

    @Test func aPacketIsHardlySlower() async throws {
        try await Self.with(cpus: 1) { guest, stub in
            func median(_ path: String) throws -> Duration {
                let raw = try RawStubConnection(try StreamAddress(path))
                _ = try raw.ask("qSupported")
                var times: [Duration] = []
                for _ in 0..<500 {
                    let start = ContinuousClock.now
                    _ = try raw.ask("mffffffff80201000,40")
                    times.append(ContinuousClock.now - start)
                }
                #expect(try raw.ask("D;1") == "OK")
                return times.sorted()[times.count / 2]
            }
            let direct = try median(try #require(guest.gdbSocket))
            try await Task.sleep(for: .milliseconds(100))
            let proxied = try median(stub.address)
            // Tests run unoptimised, on machines that do other things: this finds waits, not microseconds.
            #expect(proxied - direct < .milliseconds(10), "directly \(direct), through the proxy \(proxied)")
        }
    }
}
