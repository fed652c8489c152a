import Foundation
import GDBRemote
import GuestTesting
import QMP
import SocketTransport
import Testing

extension AttachedGuestTests {
    /// Whatever ends the program, and whenever: the guest is afterwards what it was before.
    @Suite struct NoTraceTests {
        /// A way into the guest.
        enum Way: String, CaseIterable, Sendable {
            case mapped, process, dump, pmemsave
            /// The stub, with QMP beside it.
            case gdbstub
            /// The stub alone.
            case stubAlone

            var usesStub: Bool { self == .gdbstub || self == .stubAlone }

            func arguments(_ guest: TestGuest) throws -> [String] {
                var all = ["--kernel", guest.kernel]
                if self != .stubAlone { all += ["--qmp", guest.qmpSocket, "--memory", rawValue] }
                if usesStub { all += ["--gdb", try #require(guest.gdbSocket)] }
                return all
            }
        }

        private static func start(
            _ command: [String], _ guest: TestGuest, _ name: String, program: String? = nil
        ) throws -> ChildProcess {
            var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("INSPECTD_") }
            environment["XDG_CACHE_HOME"] = guest.qemu.directory.file("cache")
            let executable = try program ?? BuiltProgram.inspectd()
            return try ChildProcess(
                executable, command, in: guest.qemu.directory, name: name, environment: environment)
        }

        /// Waits until the guest's state is `expected`, and sees that it stays so.
        private static func settles(_ qmp: QMPClient, _ expected: RunStatus) async throws -> Bool {
            let deadline = ContinuousClock.now + .seconds(2)
            while try await qmp.execute(QueryStatus()) != expected {
                guard ContinuousClock.now < deadline else { return false }
                try await Task.sleep(for: .milliseconds(10))
            }
            try await Task.sleep(for: .milliseconds(20))
            return try await qmp.execute(QueryStatus()) == expected
        }

        /// Whether the process has a child: the one that would put the guest back.
        private static func hasChild(_ pid: Int32) -> Bool {
            let path = "/proc/\(pid)/task"
            let threads = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
            return threads.contains { thread in
                let children = try? String(contentsOfFile: "\(path)/\(thread)/children", encoding: .utf8)
                return children?.contains { $0.isNumber } ?? false
            }
        }

        private static func configuration() -> TestGuest.Configuration {
            var configuration = TestGuest.Configuration(.release, megabytes: 256, backend: .sharedMemfd, gdb: true)
            configuration.qmpSockets = 2
            return configuration
        }

        @Test(.timeLimit(.minutes(5)), arguments: [true, false]) func nothingStaysWhenKilled(_ runs: Bool) async throws
        {
            try await TestGuest.with(Self.configuration()) { guest in
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    if !runs { _ = try await qmp.execute(StopGuest()) }
                    let before = try await qmp.execute(QueryStatus())
                    #expect(before.running == runs)
                    var random = SeededGenerator(seed: runs ? 1 : 2)
                    for way in Way.allCases {
                        // A stub alone cannot say that it stopped its guest on newer QEMUs: decision 0002.
                        if way == .stubAlone, !runs { continue }
                        try await Self.killOver(way, guest, qmp, before, rounds: runs ? 2 : 1, &random)
                    }
                }
            }
        }

        /// Kills a command over one way in: by each signal, at several moments of its life.
        private static func killOver(
            _ way: Way, _ guest: TestGuest, _ qmp: QMPClient, _ before: RunStatus, rounds: Int,
            _ random: inout SeededGenerator
        ) async throws {
            let dump = ["dump", "--format", "csv"] + (try way.arguments(guest))
            let summary = ["summary"] + (try way.arguments(guest))
            let clock = ContinuousClock()
            let start = clock.now
            let whole = try Self.start(summary, guest, "\(way)-whole")
            let exit = await whole.wait(timeout: .seconds(60))
            #expect(exit == .status(0), "\(way): \(whole.errorText)")
            let life = clock.now - start
            #expect(try await settles(qmp, before), "\(way), undisturbed")
            for signal in [SIGINT, SIGTERM, SIGKILL] {
                for round in 0..<rounds {
                    let moment = life * (Double(random.next() % 1000) / 1000)
                    let isDump = random.oneIn(2)
                    let name = "\(way)-\(signal)-\(round)"
                    let process = try Self.start(isDump ? dump : summary, guest, name)
                    if way == .stubAlone, signal == SIGKILL {
                        // Until the stub has said whether the guest ran, nobody can put it back: decision 0001.
                        let deadline = clock.now + .seconds(20)
                        while process.isRunning, !hasChild(process.pid), clock.now < deadline {
                            try await Task.sleep(for: .milliseconds(2))
                        }
                        try await Task.sleep(for: moment / 4)
                    } else {
                        try await Task.sleep(for: moment)
                    }
                    process.send(signal: signal)
                    let exit = await process.wait(timeout: .seconds(20))
                    let place = "\(way), signal \(signal) after \(moment): \(exit.map { "\($0)" } ?? "still running")"
                    // Before it has set up its handlers, and once it is done, the program ends by itself.
                    let allowed: [ChildProcess.Exit] =
                        signal == SIGKILL
                        ? [.signal(SIGKILL), .status(0)] : [.status(128 + signal), .signal(signal), .status(0)]
                    #expect(exit.map { allowed.contains($0) } == true, "\(place): \(process.errorText)")
                    #expect(try await settles(qmp, before), "\(place)")
                    if way.usesStub { try await checkModes(guest, qmp, before, place) }
                }
            }
        }

        /// The stub is free, and reads virtual memory again.
        private static func checkModes(
            _ guest: TestGuest, _ qmp: QMPClient, _ before: RunStatus, _ place: String
        ) async throws {
            let client = try await GDBClient.connect(to: try GDBAddress(try #require(guest.gdbSocket)))
            let isPhysical = try await client.isPhysicalMode()
            #expect(!isPhysical, "\(place): the stub still reads physical memory")
            try await client.detach(leavingRunning: before.running)
            #expect(try await settles(qmp, before), "\(place), after the check of the stub")
        }

        @Test(.timeLimit(.minutes(2))) func ctrlCEndsWithItsOwnStatus() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let process = try Self.start(
                    ["summary"] + (try Way.gdbstub.arguments(guest)), guest, "interrupted")
                // The child is there while the guest is held: in mid-read.
                let deadline = ContinuousClock.now + .seconds(20)
                while process.isRunning, !Self.hasChild(process.pid), ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(1))
                }
                process.send(signal: SIGINT)
                #expect(await process.wait(timeout: .seconds(10)) == .status(130))
                // Who pressed Ctrl-C knows why it ended.
                #expect(process.outputText.isEmpty && process.errorText.isEmpty, "\(process.errorText)")
                let status = try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    try await qmp.execute(QueryStatus())
                }
                #expect(status.running)
            }
        }

        @Test(.timeLimit(.minutes(2))) func aReaderThatGoesAndADiskThatIsFull() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                let inspectd = try BuiltProgram.inspectd()
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    let before = try await qmp.execute(QueryStatus())
                    for way in [Way.mapped, .gdbstub] {
                        let dump = [inspectd, "dump", "--format", "csv"] + (try way.arguments(guest))
                        let pipe = try Self.start(
                            ["-c", "\"$0\" \"$@\" | head -n 1; exit ${PIPESTATUS[0]}"] + dump, guest, "head-\(way)",
                            program: "bash")
                        let exit = await pipe.wait(timeout: .seconds(60))
                        // Like any filter whose reader has gone: by SIGPIPE, without a word.
                        #expect(exit == .status(128 + SIGPIPE), "\(way): \(pipe.errorText)")
                        #expect(pipe.errorText.isEmpty, "\(pipe.errorText)")
                        #expect(pipe.outputText.split(separator: "\n").count == 1)
                        #expect(try await Self.settles(qmp, before), "\(way), reader gone")

                        for command in [dump, [inspectd, "summary"] + (try way.arguments(guest))] {
                            let full = try Self.start(
                                ["-c", "\"$0\" \"$@\" >/dev/full"] + command, guest, "full-\(way)-\(command[1])",
                                program: "bash")
                            #expect(await full.wait(timeout: .seconds(60)) == .status(74), "\(full.errorText)")
                            #expect(full.errorText.contains("No space left on device"), "\(full.errorText)")
                            #expect(try await Self.settles(qmp, before), "\(way), disk full")
                        }
                    }
                }
            }
        }

        /// With QMP alone, a live read is one that nobody in the guest could notice.
        @Test(.timeLimit(.minutes(2))) func aLiveReadNeverTouchesTheRunState() async throws {
            try await TestGuest.with(Self.configuration()) { guest in
                try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                    for way in [Way.mapped, .process, .pmemsave] {
                        let live = try Self.start(
                            ["summary", "--consistency", "live"] + (try way.arguments(guest)), guest, "live-\(way)")
                        #expect(await live.wait(timeout: .seconds(60)) == .status(0), "\(way): \(live.errorText)")
                    }
                    // QEMU stops the guest while it dumps: refused, with the reason.
                    let dump = try Self.start(
                        ["summary", "--consistency", "live"] + (try Way.dump.arguments(guest)), guest, "live-dump")
                    #expect(await dump.wait(timeout: .seconds(60)) == .status(74))
                    #expect(dump.errorText.contains("--consistency live must not"), "\(dump.errorText)")
                    let status = try await qmp.execute(QueryStatus())
                    #expect(status.running)
                    #expect(qmp.eventCount("STOP") == 0 && qmp.eventCount("RESUME") == 0)
                    let paused = try Self.start(["summary"] + (try Way.mapped.arguments(guest)), guest, "paused")
                    #expect(await paused.wait(timeout: .seconds(60)) == .status(0))
                    _ = try await qmp.execute(QueryStatus())
                    #expect(qmp.eventCount("STOP") == 1 && qmp.eventCount("RESUME") == 1)
                }
            }
        }
    }
}
