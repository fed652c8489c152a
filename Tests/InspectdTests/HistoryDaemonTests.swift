import Foundation
import GRDB
import GuestTesting
import Testing

@testable import inspectd

/// The history that real daemons keep of a real guest.
@Suite(.serialized) struct HistoryDaemonTests {
    /// A daemon with one guest, started again and again on the same history.
    private struct Watch {
        let program: Program
        let guest: TestGuest
        /// Where the history lies.
        let path: String
        let file: String

        init(_ program: Program, _ guest: TestGuest, path: String, interval: String = "100ms") throws {
            self.program = program
            self.guest = guest
            self.path = path
            file = program.file("inspectd.yaml")
            let text = """
                socket: \(program.file("api.sock"))
                history: { path: \(path), maximumBytes: 1M }
                guests:
                  - { id: demo, qmp: \(guest.qmpSocket), kernel: \(guest.kernel), interval: \(interval) }
                """
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }

        func start() throws -> ChildProcess { try program.start([Program.path, "serve", "--config", file]) }

        /// An answer of the API, with its status in the last line.
        func get(_ path: String) async throws -> String {
            let run = try await program.shell(
                "curl -s --max-time 20 --unix-socket '\(program.file("api.sock"))' -w '\\n%{http_code}' 'http://d\(path)'"
            )
            return run.output
        }

        /// Waits until an answer contains a text.
        func wait(for path: String, _ text: String, _ daemon: ChildProcess) async throws -> String {
            var last = ""
            for _ in 0..<600 {
                last = try await get(path)
                if last.contains(text) { return last }
                guard daemon.isRunning else { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw TestProcessError("\(path) never says \(text), but: \(last.suffix(500)); \(daemon.errorText)")
        }

        /// Waits until the findings of a rule in the file are as wanted, and gives them back.
        func wait(for rule: String, _ what: String, _ condition: ([HistoryFinding]) -> Bool) async throws
            -> [HistoryFinding]
        {
            var last: [HistoryFinding] = []
            for _ in 0..<600 {
                last = (try? findings(rule)) ?? []
                if condition(last) { return last }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw TestProcessError("\(rule) is not \(what) within a minute: \(last)")
        }

        func findings(_ rule: String) throws -> [HistoryFinding] {
            try HistoryDatabase.read(path) { reader in
                guard let id = try reader.guest("demo") else { return [] }
                return try reader.findings(id, from: 0, open: true).filter { $0.rule == rule }
            }
        }

        func looks() -> Int { (try? HistoryDatabase.read(path) { try $0.guests().first?.looks }) ?? 0 }

        /// Waits until so many more looks are in the file.
        func waitForLooks(_ count: Int, _ daemon: ChildProcess) async throws {
            let start = looks()
            for _ in 0..<600 {
                if looks() >= start + count { return }
                try await Task.sleep(for: .milliseconds(100))
            }
            throw TestProcessError("there are not \(count) more looks within a minute: \(daemon.errorText)")
        }
    }

    private static func end(_ daemon: ChildProcess, _ signal: Int32 = SIGTERM) async throws {
        daemon.send(signal: signal)
        let exit = await daemon.wait(timeout: .seconds(20))
        try #require(exit == (signal == SIGKILL ? .signal(SIGKILL) : .status(0)), "\(daemon.errorText)")
    }

    private static let guest = TestGuest.Configuration(.release, megabytes: 64, backend: .sharedMemfd)

    @Test(.timeLimit(.minutes(5))) func aFindingIsOpenedAndClosedOnceAcrossRestarts() async throws {
        let program = try Program()
        try await TestGuest.with(Self.guest) { guest in
            let watch = try Watch(program, guest, path: program.file("h/history.sqlite"))
            try await guest.command("settle")
            for name in ["pin-orphaned", "vtable-writable"] { try await guest.command("plant \(name)") }
            var daemon = try watch.start()
            let pin = try await watch.wait(for: "pin-orphaned", "open") { $0.count == 1 && $0[0].closed == nil }
            let vtable = try await watch.wait(for: "vtable-writable", "open") { $0.count == 1 && $0[0].closed == nil }

            // A daemon that is killed and one that ends properly: the next ones go on with what is open.
            for signal in [SIGKILL, SIGTERM] {
                try await Self.end(daemon, signal)
                daemon = try watch.start()
                // The new one is sure of both by itself.
                _ = try await watch.wait(for: "/v1/guests/demo/findings", "pin-orphaned", daemon)
                _ = try await watch.wait(for: "/v1/guests/demo/findings", "vtable-writable", daemon)
                try await watch.waitForLooks(5, daemon)
                #expect(try watch.findings("pin-orphaned").map(\.opened) == pin.map(\.opened))
                #expect(try watch.findings("vtable-writable").map(\.opened) == vtable.map(\.opened))
            }

            // One goes while it is watched, the other one while nobody watches.
            try await guest.command("unplant vtable-writable")
            _ = try await watch.wait(for: "vtable-writable", "closed") { $0.count == 1 && $0[0].closed != nil }
            try await Self.end(daemon, SIGKILL)
            try await guest.command("unplant pin-orphaned")
            daemon = try watch.start()
            let closed = try await watch.wait(for: "pin-orphaned", "closed") { $0.count == 1 && $0[0].closed != nil }
            #expect((closed.first?.closed ?? 0) > (closed.first?.confirmed ?? .max))

            // The API says the same, and a finding that comes back is another one.
            let answer = try await watch.wait(for: "/v1/guests/demo/findings?state=closed", "pin-orphaned", daemon)
            let fingerprint = try #require(closed.first?.fingerprint)
            #expect(answer.hasSuffix("\n200") && answer.contains(fingerprint))
            try await guest.command("plant vtable-writable")
            let both = try await watch.wait(for: "vtable-writable", "open again") { $0.count == 2 }
            #expect(both.map { $0.closed == nil } == [false, true])
            #expect(Set(both.map(\.fingerprint)).count == 1)

            // What the API and the command say of metrics.
            let metrics = try await watch.get("/v1/guests/demo/history")
            #expect(metrics.hasSuffix("\n200") && metrics.contains("\"frames.free-listed\""))
            let points = try await watch.get("/v1/guests/demo/history?metric=frames.free-listed&step=60")
            #expect(points.hasSuffix("\n200") && points.contains("\"points\": ["), "\(points.suffix(300))")
            for query in [
                "metric=frames.free", "metric=pins&step=0.001", "metric=pins&from=0&step=1", "metric=pins&step=soon",
                "metric=pins&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "step=5", "metric=pins&nothing=1",
            ] {
                let answer = try await watch.get("/v1/guests/demo/history?\(query)")
                #expect(answer.hasSuffix("\n400") && answer.contains("\"detail\""), "\(query): \(answer)")
            }
            try await Self.checkCommand(program, watch.path)
            try await Self.end(daemon)
            try await Self.checkCommand(program, watch.path)
        }
    }

    /// The command, beside a daemon and without one.
    private static func checkCommand(_ program: Program, _ path: String) async throws {
        let list = try await program.output("history --database \(path)")
        #expect(list.contains("demo") && list.contains("frames.free-listed") && list.contains("pause.seconds"))
        let rows = try await program.output("history frames.free-listed --guest demo --step 1s --database \(path)")
        #expect(rows.split(separator: "\n").count > 4, "\(rows)")
        let findings = try await program.output("history --findings --database \(path)")
        #expect(findings.contains("vtable-writable") && findings.contains("open"))
        let csv = try await program.output("history pins --export csv --database \(path)")
        #expect(csv.hasPrefix("guest,metric,time,seconds,min,mean,max,looks\ndemo,pins,20"), "\(csv.prefix(200))")
        let lines = try await program.output("history --findings --export ndjson --database \(path)")
        for line in lines.split(separator: "\n") {
            let row = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(row["guest"] as? String == "demo" && row["finding"] is [String: Any])
        }
        let terminal = try await program.terminal("$INSPECTD history frames.free-listed --database \(path)")
        #expect(terminal.status == 0 && terminal.output.contains("┤") && terminal.output.contains("smallest"))
        var documents: [String] = []
        for (index, line) in ["", "pins --step 1s", "--findings", "--pins"].enumerated() {
            documents.append(program.file("document-\(index).json"))
            try await program.output("history \(line) --database \(path) --format json")
                .write(toFile: documents[index], atomically: true, encoding: .utf8)
        }
        let checker = try program.start(
            ["python3", Program.support + "/validate.py", GuestBuild.packageRoot + "/docs/schema"] + documents)
        #expect(await checker.wait(timeout: .seconds(60)) == .status(0), "\(checker.outputText)\(checker.errorText)")
    }

    @Test(.timeLimit(.minutes(5))) func killedDaemonsLeaveAnIntactHistory() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd)) { guest in
            let watch = try Watch(program, guest, path: program.file("history.sqlite"), interval: "50ms")
            try await guest.command("plant pin-orphaned")
            try await guest.command("churn start")
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<6 {
                let daemon = try watch.start()
                try await watch.waitForLooks(5, daemon)
                try await Task.sleep(for: .milliseconds(Int.random(in: 0..<1200, using: &generator)))
                try await Self.end(daemon, SIGKILL)
                // A copy, so that this look repairs nothing.
                for suffix in ["", "-wal"] {
                    let copy = program.file("copy.sqlite" + suffix)
                    try? FileManager.default.removeItem(atPath: copy)
                    try? FileManager.default.copyItem(atPath: watch.path + suffix, toPath: copy)
                }
                let queue = try DatabaseQueue(path: program.file("copy.sqlite"))
                let verdict = try await queue.read { db in try String.fetchOne(db, sql: "PRAGMA integrity_check") }
                #expect(verdict == "ok")
                try queue.close()
            }
            let daemon = try watch.start()
            try await watch.waitForLooks(5, daemon)
            _ = try await watch.wait(for: "pin-orphaned", "open") { $0.count == 1 && $0[0].closed == nil }
            try await Self.end(daemon)
            #expect(!daemon.errorText.contains("without history"), "\(daemon.errorText)")
            #expect(try watch.findings("pin-orphaned").count == 1)
        }
    }

    @Test(.timeLimit(.minutes(5))) func aFullDiskIsToldAndTriedAgain() async throws {
        let program = try Program()
        try await TestGuest.with(Self.guest) { guest in
            // A disk of its own that only the daemon sees; who is not root is so in a namespace.
            let disk = program.file("disk")
            try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
            let watch = try Watch(program, guest, path: disk + "/history.sqlite", interval: "50ms")
            let script = """
                mount -t tmpfs -o size=1536k none '\(disk)' || exit 99
                head -c 8M /dev/zero > '\(disk)/filler' 2> /dev/null
                exec "$INSPECTD" serve --config '\(watch.file)'
                """
            // Only root may mount where everybody sees it; a namespace of its own does not work in every root folder.
            let isRoot = geteuid() == 0
            let daemon = try program.start((isRoot ? [] : ["unshare", "-rm"]) + ["bash", "-c", script])
            defer {
                daemon.stop()
                if isRoot { umount2(disk, Int32(MNT_DETACH)) }
            }
            let filler = "/proc/\(daemon.pid)/root\(disk)/filler"

            // Full from the beginning: the guest is watched, and the history says why it is none.
            _ = try await watch.wait(for: "/v1/guests/demo", "\"watching\"", daemon)
            let problem = try await watch.wait(for: "/v1/guests/demo/history", "disk is full", daemon)
            #expect(problem.hasSuffix("\n503") && problem.contains("make room"))
            #expect(daemon.errorText.contains("disk is full"), "\(daemon.errorText)")
            try #require(unlink(filler) == 0, "\(String(cString: strerror(errno)))")
            _ = try await watch.wait(for: "/v1/guests/demo/history", "\n200", daemon)
            let metric = "/v1/guests/demo/history?metric=frames.free-listed"
            _ = try await watch.wait(for: metric, "\n200", daemon)

            // Full later: what happens meanwhile is written when there is room again.
            let fill = try await program.shell("head -c 8M /dev/zero > '\(filler)'")
            #expect(fill.status != 0)
            _ = try await watch.wait(for: metric, "disk is full", daemon)
            try await guest.command("plant vtable-writable")
            _ = try await watch.wait(for: "/v1/guests/demo/findings", "vtable-writable", daemon)
            try await guest.command("unplant vtable-writable")
            for _ in 0..<300 {
                guard try await watch.get("/v1/guests/demo/findings").contains("vtable-writable") else { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            try #require(unlink(filler) == 0)
            _ = try await watch.wait(for: metric, "\n200", daemon)
            let closed = try await watch.wait(
                for: "/v1/guests/demo/findings?state=closed", "vtable-writable", daemon)
            #expect(closed.components(separatedBy: "\"rule\": \"vtable-writable\"").count >= 2)
            #expect(daemon.errorText.contains("is written again"))
            #expect(try await watch.get("/v1/guests/demo").contains("\"watching\""))
            try await Self.end(daemon)
        }
    }
}
