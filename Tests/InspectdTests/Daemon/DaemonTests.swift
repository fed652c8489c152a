import Foundation
import GuestTesting
import QMP
import Testing

/// The daemon on real guests: what it sees, what it survives, and that it leaves no trace.
@Suite(.serialized) struct DaemonTests {
    private static func configuration() -> TestGuest.Configuration {
        var configuration = TestGuest.Configuration(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd, gdb: true)
        configuration.qmpSockets = 2
        configuration.arguments = ["-action", "reboot=reset"]
        return configuration
    }

    /// A document as lines in a fixed order, without ages.
    private static func text(_ document: [String: Any]) -> [String] {
        let data = try? JSONSerialization.data(withJSONObject: document, options: [.sortedKeys, .prettyPrinted])
        return String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { !$0.contains("\"ageSeconds\"") }
    }

    private static func state(_ document: [String: Any]) -> String? { document["state"] as? String }

    private static func isRunning(_ guest: TestGuest) async throws -> Bool {
        try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
            try await qmp.execute(QueryStatus()).running
        }
    }

    @Test(.timeLimit(.minutes(5))) func answersWithTheDocumentsOfTheCommands() async throws {
        let program = try Program()
        try await TestGuest.with(Self.configuration()) { guest in
            try await guest.churnAndFreeze(seed: 5, operations: 1500)
            let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
            _ = try await daemon.wait(for: "/v1/guests/demo/summary", "a first look") { _ in true }
            var paths: [String] = []
            var answers: [(path: String, command: String, document: [String: Any])] = []
            let target = "--kernel \(guest.kernel) --qmp \(guest.qemu.qmpSockets[1])"
            // A pin is told when it was there for two seconds.
            _ = try await daemon.wait(for: "/v1/guests/demo", "three seconds of looks") {
                ($0["samples"] as? Int ?? 0) > 30
            }
            let first = try await daemon.get("/v1/guests/demo/frames?where=refcount%3E1&limit=3").list("frames")
            let address = try #require(first.first?["address"] as? String)
            let frame = try #require(first.first?["frame"] as? Int)
            for (path, command) in [
                ("summary", "summary"), ("vtables", "vtables"), ("hooks", "hooks"), ("pins", "pins"),
                ("frames/\(frame)", "frame \(address)"), ("owner/\(address)", "owner \(address)"), ("audit", "audit"),
            ] {
                let answer = try await daemon.get("/v1/guests/demo/\(path)")
                #expect(answer.status == 200, "\(path): \(answer.text)")
                paths.append(program.file("\(paths.count).json"))
                try answer.text.write(toFile: paths[paths.count - 1], atomically: true, encoding: .utf8)
                answers.append((path, command, try answer.object()))
            }
            let checker = try program.start(
                ["python3", Program.support + "/validate.py", GuestBuild.packageRoot + "/docs/schema"] + paths)
            #expect(await checker.wait(timeout: .seconds(60)) == .status(0), "\(checker.outputText)")

            // All pages together are the table, each frame once.
            var cursor: String?
            var seen = 0
            repeat {
                let page = try await daemon.get(
                    "/v1/guests/demo/frames?limit=1000" + (cursor.map { "&cursor=\($0)" } ?? "")
                ).object()
                seen += (page["frames"] as? [Any])?.count ?? 0
                cursor = page["next"] as? String
            } while cursor != nil
            let guestStatus = try await daemon.get("/v1/guests/demo").object()
            #expect(seen == guestStatus["slots"] as? Int)

            for by in ["state", "order", "refcount", "generation", "pins", "findings"] {
                for query in ["width=100", "level=0&count=500", "level=3&first=4000&count=9999"] {
                    let map = try await daemon.get("/v1/guests/demo/map?by=\(by)&\(query)").object()
                    let data = Data(base64Encoded: map["data"] as? String ?? "-") ?? Data()
                    #expect(data.count == map["cells"] as? Int, "\(by) \(query)")
                }
            }
            let metrics = try await daemon.get("/metrics").text
            #expect(metrics.hasSuffix("# EOF\n"))
            #expect(metrics.contains("inspectd_up{guest=\"demo\"} 1"))
            #expect(metrics.contains("inspectd_memory_way{guest=\"demo\",way=\"mapped\"} 1"))
            let (exit, seconds) = await daemon.end()
            #expect(exit == .status(0))
            #expect(seconds < 4, "two seconds on a machine that is not loaded")
            #expect(!FileManager.default.fileExists(atPath: daemon.socket))
            #expect(try await Self.isRunning(guest))

            // What commands print of the same guest, when no daemon stops it beside them.
            for (path, command, document) in answers {
                let text = try await program.output("\(command) \(target) --format json")
                var mine = document
                var own = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
                // When and how long, and what only a command knows: how old a pin must be to be told.
                for key in ["provenance", "seconds", "samples", "longestPauseNanoseconds", "rules"] {
                    mine[key] = nil
                    own[key] = nil
                }
                // The default's own place is looked up by the command only.
                if path == "vtables" {
                    #expect((mine["vtables"] as? [Any])?.count == (own["vtables"] as? [Any])?.count)
                    continue
                }
                #expect(Self.text(mine) == Self.text(own), "\(path)")
            }
        }
    }

    @Test(.timeLimit(.minutes(5))) func commandsRunInTheDaemon() async throws {
        let program = try Program()
        try await TestGuest.with(Self.configuration()) { guest in
            try await guest.churnAndFreeze(seed: 8, operations: 1500)
            // All but how long the guest was paused for it, and when.
            func lines(_ text: String) -> [Substring] {
                text.split(separator: "\n").filter {
                    !$0.contains("paused") && !$0.contains("\"provenance\"") && !$0.hasPrefix("  image")
                }
            }
            // Not beside the daemon: two that stop and continue a guest meet each other.
            let commands = [
                "summary", "dump --where refcount>1 --limit 20", "frame 0x200000", "vtables", "owner 0x200000",
                "dump --limit 30 --format csv", "frame 0x300000 --format json", "hooks", "map",
            ]
            var own: [String] = []
            for command in commands {
                own.append(
                    try await program.output("\(command) --kernel \(guest.kernel) --qmp \(guest.qemu.qmpSockets[1])"))
            }
            let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
            _ = try await daemon.wait(for: "/v1/guests/demo/summary", "a first look") { _ in true }
            let there = "--daemon \(daemon.socket) --guest demo"
            for (command, other) in zip(commands, own) {
                let one = try await program.output("\(command) \(there)")
                #expect(lines(one) == lines(other), "\(command)")
                #expect(!lines(one).isEmpty)
            }
            try await guest.command("thaw")
            try await guest.command("plant vtable-writable")
            let found = try await program.output("audit --interval 50ms \(there)", status: 1)
            #expect(found.contains("vtable-writable"))
            for (line, status, part) in [
                ("frame zebra \(there)", 64, "is not a physical address"),
                ("summary --qmp /x \(there)", 64, "not for a daemon"),
                ("summary --daemon \(daemon.socket)", 64, "--guest"), ("targets \(there)", 64, "it runs audit"),
                ("summary --daemon \(daemon.socket) --guest nobody", 64, "no guest is called"),
                ("summary --daemon \(program.file("none")) --guest demo", 69, "inspectd serve"),
            ] as [(String, Int32, String)] {
                let run = try await program.run(line.split(separator: " ").map(String.init))
                #expect(run.status == status, "\(line): \(run.errors)")
                #expect(run.errors.contains(part), "\(line): \(run.errors)")
                #expect(run.output.isEmpty, "\(line): \(run.output)")
            }
            // GDB's own commands take the same way.
            let gdb = try await program.run(program: [
                "gdb", "-nx", "-batch", "-ex", "file \(guest.kernel)", "-ex",
                "source \(GuestBuild.packageRoot)/gdbscripts/frameinspect.py", "-ex",
                "target remote \(try #require(guest.gdbSocket))", "-ex", "set fi daemon demo \(daemon.socket)", "-ex",
                "fi doctor",
                "-ex", "fi hooks", "-ex", "fi frame 0x200000", "-ex", "detach",
            ])
            #expect(gdb.output.contains("the daemon at \(daemon.socket), guest demo"), "\(gdb.output)\(gdb.errors)")
            #expect(gdb.output.contains("Frame 0x200000, number 512"), "\(gdb.output)\(gdb.errors)")
            _ = await daemon.end()
        }
    }

    @Test(.timeLimit(.minutes(5))) func findingsComeAndGo() async throws {
        let program = try Program()
        try await TestGuest.with(Self.configuration()) { guest in
            try await guest.command("settle")
            let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
            _ = try await daemon.wait(for: "/v1/guests/demo", "the guest") { Self.state($0) == "watching" }
            let events = try program.start(
                ["curl", "-sN", "--max-time", "60", "--unix-socket", daemon.socket, "http://localhost/v1/events"])
            defer { events.stop() }
            let planted = try await guest.command("plant pin-orphaned")
            let frame = try #require(planted["frames"].list.first?.number)
            try await guest.command("plant hook-panics")
            let open = try await daemon.wait(for: "/v1/guests/demo/findings", "both findings") {
                ($0["findings"] as? [Any])?.count == 2
            }
            let rules = (open["findings"] as? [[String: Any]])?.compactMap { $0["rule"] as? String }
            #expect(Set(rules ?? []) == ["hook-panics", "pin-orphaned"])
            // When the pin began is what its frame's record says.
            let history = try await daemon.get("/v1/guests/demo/frames/\(frame)/history").list("events")
            #expect(history.contains { $0["kind"] as? String == "pinned" }, "\(history)")

            try await guest.command("unplant hook-panics")
            try await guest.command("unplant pin-orphaned")
            _ = try await daemon.wait(for: "/v1/guests/demo/findings", "their end") {
                ($0["findings"] as? [Any])?.isEmpty == true
            }
            try await Task.sleep(for: .milliseconds(300))
            let stream = events.outputText
            for change in ["opened", "closed"] {
                for rule in ["hook-panics", "pin-orphaned"] {
                    let lines = stream.split(separator: "\n").filter {
                        $0.hasPrefix("data: ") && $0.contains("\"change\": \"\(change)\"")
                            && $0.contains("\"rule\": \"\(rule)\"")
                    }
                    #expect(lines.count == 1, "\(change) \(rule)")
                }
            }
            let numbers = stream.split(separator: "\n").filter { $0.hasPrefix("id: ") }.compactMap {
                UInt64($0.dropFirst(4))
            }
            #expect(numbers.count > 5)
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 + 1 == $1 }, "none is lost")
            // A client that comes back gets what it missed.
            let middle = numbers[numbers.count / 2]
            let again = try program.start([
                "curl", "-sN", "--max-time", "1", "--unix-socket", daemon.socket, "-H", "Last-Event-ID: \(middle)",
                "http://localhost/v1/events",
            ])
            _ = await again.wait(timeout: .seconds(10))
            #expect(again.outputText.contains("id: \(middle + 1)\n"))
            #expect(!again.outputText.contains("id: \(middle)\n"))
            _ = await daemon.end()
        }
    }

    @Test(.timeLimit(.minutes(5))) func survivesWhatGuestsDo() async throws {
        let program = try Program()
        let guest = try await TestGuest.boot(Self.configuration())
        defer { guest.stop() }
        let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
        _ = try await daemon.wait(for: "/v1/guests/demo", "the guest") { Self.state($0) == "watching" }
        try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
            // Stopped by somebody else: looked at, and never resumed.
            // A stop that comes while we hold the guest stopped is nothing to QEMU, and is lost: see decision 0009.
            var isPaused = false
            for _ in 0..<40 where !isPaused {
                _ = try await qmp.execute(StopGuest())
                try await Task.sleep(for: .milliseconds(500))
                isPaused = Self.state(try await daemon.get("/v1/guests/demo").object()) == "paused"
            }
            #expect(isPaused)
            for _ in 0..<10 {
                try await Task.sleep(for: .milliseconds(100))
                #expect(try await qmp.execute(QueryStatus()).running == false)
            }
            _ = try await qmp.execute(ContinueGuest())
            _ = try await daemon.wait(for: "/v1/guests/demo", "the guest again") { Self.state($0) == "watching" }
            _ = try await qmp.monitor("system_reset")
            _ = try await daemon.wait(for: "/v1/guests/demo", "the reboot") {
                ($0["reboots"] as? Int ?? 0) > 0 && Self.state($0) == "watching"
            }
            // It may stand still for a look just now.
            var isRunning = false
            for _ in 0..<50 where !isRunning {
                isRunning = try await qmp.execute(QueryStatus()).running
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(isRunning)
        }
        // The guest quits, and another kernel comes to the same socket: told, not mixed up.
        guest.stop()
        let gone = try await daemon.wait(for: "/v1/guests/demo", "its end") { Self.state($0) == "unreachable" }
        #expect((gone["problem"] as? String)?.isEmpty == false)
        #expect(try await daemon.get("/v1/guests/demo/frames/256").status == 503)
        _ = await daemon.end()
    }

    @Test(.timeLimit(.minutes(5))) func anotherKernelIsAMismatch() async throws {
        let program = try Program()
        try await TestGuest.with(Self.configuration()) { guest in
            let other = try await GuestBuild.shared.kernel(.debug)
            let lines = RunningDaemon.guest(guest).replacingOccurrences(of: guest.kernel, with: other)
            let daemon = try await RunningDaemon.start(program, lines)
            let told = try await daemon.wait(for: "/v1/guests/demo", "the mismatch") { Self.state($0) == "mismatch" }
            #expect((told["problem"] as? String)?.isEmpty == false)
            #expect(try await daemon.get("/v1/guests/demo/summary").status == 503)
            // It may stand still for a look just now.
            try await Task.sleep(for: .milliseconds(100))
            var isRunning = try await Self.isRunning(guest)
            if !isRunning { isRunning = try await Self.isRunning(guest) }
            #expect(isRunning)
            // The right image, and the configuration read again.
            let file = program.file("daemon.yaml")
            try "socket: \(daemon.socket)\n\(RunningDaemon.guest(guest))\n"
                .write(toFile: file, atomically: true, encoding: .utf8)
            daemon.process.send(signal: SIGHUP)
            _ = try await daemon.wait(for: "/v1/guests/demo", "the right image") { Self.state($0) == "watching" }
            // A mistake is not taken over.
            try "socket: \(daemon.socket)\ngests: []\n".write(toFile: file, atomically: true, encoding: .utf8)
            daemon.process.send(signal: SIGHUP)
            try await Task.sleep(for: .milliseconds(500))
            #expect(try await daemon.get("/v1/guests/demo").status == 200)
            #expect(daemon.process.errorText.contains("did you mean guests?"))
            _ = await daemon.end()
        }
    }

    @Test(.timeLimit(.minutes(5))) func aKilledDaemonLeavesNoPausedGuest() async throws {
        let program = try Program()
        try await TestGuest.with(Self.configuration()) { guest in
            try await QMPClient.withConnection(to: try QMPAddress(guest.qemu.qmpSockets[1])) { qmp in
                var random = SeededGenerator(seed: 31)
                for round in 0..<8 {
                    let daemon = try await RunningDaemon.start(
                        program, RunningDaemon.guest(guest, interval: "50ms"), name: "kill\(round)")
                    try await Task.sleep(for: .milliseconds(Int(random.next() % 400)))
                    daemon.process.send(signal: SIGKILL)
                    #expect(await daemon.process.wait(timeout: .seconds(5)) == .signal(SIGKILL))
                    // The pause budget and a second.
                    try await Task.sleep(for: .milliseconds(1200))
                    for _ in 0..<3 {
                        #expect(try await qmp.execute(QueryStatus()).running, "round \(round)")
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
            }
            // The socket of a daemon that was killed is taken over.
            let daemon = try await RunningDaemon.start(program, RunningDaemon.guest(guest))
            let second = try program.start(
                [Program.path, "serve", "--socket", daemon.socket],
                environment: ["XDG_STATE_HOME": program.file("other")])
            #expect(await second.wait(timeout: .seconds(20)) == .status(69))
            #expect(second.errorText.contains("another server"))
            #expect(try await daemon.get("/healthz").status == 200)
            _ = await daemon.end(SIGINT)
        }
    }
}
