import Foundation
import GuestTesting
import Testing

/// What people and pipes get to see of a real guest, and what is said about where it comes from.
@Suite(.serialized) struct OutputTests {
    @Test(.timeLimit(.minutes(5))) func pipesArePlainAndTerminalsFit() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2, backend: .sharedMemfd)) { guest in
            try await guest.churnAndFreeze(seed: 7, operations: 2000)
            let target = "--qmp '\(guest.qmpSocket)' --kernel '\(guest.kernel)'"
            let commands = [
                "summary", "vtables", "map", "doctor", "frame 0x10000", "dump --limit 40", "dump --blocks --limit 40",
                "targets",
            ]
            for command in commands {
                let target = command == "targets" ? "" : target
                let plain = try await program.shell("$INSPECTD \(command) \(target)")
                #expect(plain.status == 0, "\(plain.errors)")
                #expect(plain.errors.isEmpty)
                #expect(!plain.output.contains("\u{1B}"), "\(command)")
                #expect(plain.output.utf8.allSatisfy { $0 < 0x80 }, "\(command)")
                #expect(!plain.output.split(separator: "\n").contains { $0.hasSuffix(" ") }, "\(command)")
                let forced = try await program.shell("$INSPECTD \(command) --color always \(target)")
                #expect(forced.output.contains("\u{1B}["), "\(command)")
                let bare = try await program.terminal(
                    "$INSPECTD \(command) \(target)", environment: ["NO_COLOR": "1"])
                // A bar that shows on a slow machine takes its line back; that is no colour.
                #expect(!bare.output.replacing("\u{1B}[K", with: "").contains("\u{1B}"), "\(command)")
                for columns in [80, 100, 160] {
                    let run = try await program.terminal("$INSPECTD \(command) \(target)", columns: columns)
                    #expect(run.status == 0)
                    #expect(run.output.contains("\u{1B}["), "\(command)")
                    guard command != "targets" else { continue }
                    for line in run.output.split(whereSeparator: \.isNewline) {
                        let width = line.replacing(/\u{1B}\[[0-9;]*[A-Za-z]/, with: "").count
                        // A path is never cut: whoever copies it wants all of it.
                        let isPath = line.split(separator: " ").contains { $0.first == "/" && $0.count + 16 > columns }
                        #expect(width <= columns || isPath, "\(command) on \(columns) columns: \(line)")
                    }
                }
            }
            let picture = program.file("memory.svg")
            _ = try await program.output("map --svg \(picture) --qmp \(guest.qmpSocket) --kernel \(guest.kernel)")
            let check = try await program.shell(
                "python3 -c 'import xml.dom.minidom,sys; xml.dom.minidom.parse(sys.argv[1])' \(picture)"
                    + " && rsvg-convert \(picture) -o \(program.file("memory.png"))")
            #expect(check.status == 0, "\(check.errors)")
            #expect(FileManager.default.fileExists(atPath: program.file("memory.png")))
            let left = try FileManager.default.contentsOfDirectory(atPath: program.directory.path)
            #expect(!left.contains { $0.hasSuffix(".part") })
        }
    }

    @Test(.timeLimit(.minutes(3))) func outputThatGoesNowhere() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            let target = "--qmp '\(guest.qmpSocket)' --kernel '\(guest.kernel)'"
            for command in ["summary", "dump", "dump --format json", "map"] {
                let full = try await program.shell("$INSPECTD \(command) \(target) > /dev/full")
                #expect(full.status == 74)
                #expect(full.errors.contains("No space left on device"), "\(full.errors)")
                let closed = try await program.shell("$INSPECTD \(command) \(target) >&-")
                #expect(closed.status == 74)
                #expect(closed.errors.contains("standard output is closed"), "\(closed.errors)")
                let silent = try await program.shell("$INSPECTD \(command) \(target) >&- 2>&- <&-")
                #expect(silent.status == 74)
            }
            let cut = try await program.shell("$INSPECTD dump \(target) | head -n 3; echo ${PIPESTATUS[0]}")
            #expect(cut.output.hasSuffix("\n141\n"), "a filter ends by SIGPIPE: \(cut.output.suffix(20))")
            #expect(cut.errors.isEmpty)
            for (path, says) in [("/no/such/dir/a.svg", "No such file"), ("/tmp", "directory"), ("/dev/full", "space")]
            {
                let run = try await program.shell("$INSPECTD map --svg \(path) \(target)")
                #expect(run.status == 74)
                #expect(run.errors.contains(path) && run.errors.contains(says), "\(run.errors)")
            }
            // Nothing of all this stopped the guest or took its monitor.
            let doctor = try await program.shell("$INSPECTD doctor \(target) --format json")
            #expect(doctor.output.contains("\"value\": \"running\""))
        }
    }

    @Test(.timeLimit(.minutes(3))) func theProvenanceIsTrue() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 128, cpus: 2, backend: .sharedMemfd, gdb: true)) { guest in
            let qmp = "--qmp \(guest.qmpSocket) --kernel \(guest.kernel)"
            let gdb = "--gdb \(try #require(guest.gdbSocket)) --kernel \(guest.kernel)"
            func provenance(_ line: String) async throws -> (text: String, json: [String: Any]) {
                let text = try await program.output(line)
                let document = try JSONSerialization.jsonObject(
                    with: Data(try await program.output(line + " --format json").utf8))
                return (text, try #require((document as? [String: Any])?["provenance"] as? [String: Any]))
            }
            let paused = try await provenance("summary \(qmp)")
            #expect(paused.text.contains("guest paused for "))
            #expect(paused.json["pauseNanoseconds"] is NSNumber && paused.json["heldByStub"] as? Bool == false)

            // Over the stub the guest is held by it, whatever is read and with whatever consistency.
            for line in [
                "summary \(gdb) --memory gdbstub", "frame 0x10000 \(gdb)", "vtables \(gdb) --consistency live",
            ] {
                let held = try await provenance(line)
                #expect(held.text.contains("guest held by the GDB stub ("), "\(line)")
                #expect(held.json["heldByStub"] as? Bool == true && held.json["wasPausedBefore"] as? Bool == false)
                #expect((held.json["pauseNanoseconds"] as? NSNumber)?.intValue ?? 0 > 0)
            }

            try await guest.command("churn start")
            // On a busy machine the guest may not get its turn between two reads.
            var (moved, movedInJSON) = (0, 0)
            for _ in 0..<50 where moved == 0 || movedInJSON == 0 {
                let live = try await provenance("summary \(qmp) --consistency live")
                let sentence = try #require(live.text.firstMatch(of: /guest running, read twice: (\d+) slots? moved/))
                moved = max(moved, Int(sentence.1) ?? 0)
                movedInJSON = max(movedInJSON, try #require(live.json["movedSlots"] as? NSNumber).intValue)
                #expect(live.json["pauseNanoseconds"] is NSNull)
            }
            #expect(moved > 0 && movedInJSON > 0, "a churning guest moves between two reads")
            try await guest.command("churn stop")
            let still = try await provenance("summary \(qmp) --consistency live")
            #expect(still.text.contains("read twice: 0 slots moved"))

            let stop = try await program.shell(
                """
                python3 -c 'import socket, sys
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw"); f.readline()
                for c in ["qmp_capabilities", "stop"]:
                    print("{\\"execute\\": \\"%s\\"}" % c, file=f, flush=True); f.readline()
                ' \(guest.qmpSocket)
                """)
            #expect(stop.status == 0, "\(stop.errors)")
            for line in ["summary \(qmp)", "map \(qmp) --consistency live"] {
                let before = try await provenance(line)
                #expect(before.text.contains("guest was paused already"))
                #expect(before.json["wasPausedBefore"] as? Bool == true && before.json["pauseNanoseconds"] is NSNull)
            }
        }
    }

    @Test(.timeLimit(.minutes(3))) func longReadsShowProgressOnTerminalsOnly() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 768, gdb: true)) { guest in
            let target = "--gdb \(try #require(guest.gdbSocket)) --memory gdbstub --kernel \(guest.kernel)"
            let run = try await program.terminal("$INSPECTD summary \(target) > out")
            #expect(run.status == 0)
            let bars = run.output.split(separator: "\r\u{1B}[K")
            #expect(
                bars.contains { $0.contains("Reading guest memory") && $0.contains("MiB/s") && $0.hasSuffix("left") })
            #expect(run.output.hasSuffix("\r\u{1B}[K"), "the bar is erased: \(run.output.suffix(40).debugDescription)")
            #expect(!run.output.contains("\n"), "the bar stays on its line")
            #expect(try String(contentsOfFile: program.file("out"), encoding: .utf8).contains("196566 frames"))

            let piped = try await program.shell("$INSPECTD summary \(target)")
            #expect(piped.status == 0)
            #expect(piped.errors.isEmpty)

            // Ctrl-C in the middle: the line is clean, the status is 130, the guest runs on.
            let words = Program.onTerminal("echo $$ > pid; exec \"$INSPECTD\" summary \(target) > out")
            let interrupted = try program.start(words)
            for _ in 0..<3000 where interrupted.isRunning && !interrupted.outputText.contains("Reading") {
                try await Task.sleep(for: .milliseconds(10))
            }
            let pid = try String(contentsOfFile: program.file("pid"), encoding: .utf8)
            let number = try #require(Int32(pid.trimmingCharacters(in: .whitespacesAndNewlines)))
            // Ctrl-Z would leave the guest stopped: it has no effect as long as we are attached.
            kill(number, SIGTSTP)
            try await Task.sleep(for: .milliseconds(50))
            kill(number, SIGINT)
            #expect(await interrupted.wait(timeout: .seconds(30)) == .status(130))
            #expect(
                interrupted.outputText.hasSuffix("\r\u{1B}[K"), "\(interrupted.outputText.suffix(60).debugDescription)")
            #expect(try await program.output("doctor --qmp \(guest.qmpSocket)").contains("running"))
        }
    }

    @Test(.timeLimit(.minutes(3))) func twoAtOnceTakeTurns() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            let line = "$INSPECTD summary --qmp \(guest.qmpSocket) --kernel \(guest.kernel) > /dev/null"
            let run = try await program.shell(
                "for i in 1 2; do \(line) & pids+=($!); done; for p in ${pids[@]}; do wait $p || exit $?; done")
            #expect(run.status == 0, "\(run.errors)")
            #expect(try await program.output("doctor --qmp \(guest.qmpSocket)").contains("running"))
        }
    }
}
