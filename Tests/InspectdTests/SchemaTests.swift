import Foundation
import GuestTesting
import Testing

/// What the program prints as JSON is what docs/schema promises, no more and no less.
@Suite struct SchemaTests {
    @Test(.timeLimit(.minutes(5))) func everyDocumentKeepsItsSchema() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, cpus: 2, backend: .sharedMemfd, gdb: true)) { guest in
            try await guest.command("seed 7")
            try await guest.command("churn 2000")
            let gdb = try #require(guest.gdbSocket)
            let target = "--kernel \(guest.kernel) --qmp \(guest.qmpSocket)"
            let alone = "--kernel \(guest.kernel) --gdb \(gdb)"
            let core = program.file("core")
            let dump = try await program.shell(
                """
                python3 -c 'import socket, json, sys
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw"); f.readline()
                for c, a in [("qmp_capabilities", {}), ("dump-guest-memory", {"paging": False, "protocol": sys.argv[2]})]:
                    print(json.dumps({"execute": c, "arguments": a}), file=f, flush=True)
                    while True:
                        reply = json.loads(f.readline())
                        if "event" not in reply: break
                    assert "return" in reply, reply
                ' \(guest.qmpSocket) file:\(core)
                """)
            try #require(dump.status == 0, "\(dump.errors)")
            var documents = [
                "summary \(target)", "summary \(target) --consistency live", "summary \(alone) --memory gdbstub",
                "summary --core \(core) --kernel \(guest.kernel)", "summary --qmp \(guest.qmpSocket)",
                "dump \(target) --limit 3000", "dump \(target) --blocks", "dump \(target) --limit 0",
                "vtables \(target)", "map \(target)", "doctor \(target)", "doctor \(alone)",
                "doctor --core \(core)", "targets", "doctor \(target) --memory pmemsave",
                "hooks \(target)", "pins \(target)", "pins \(target) --older-than 100ms",
                "pins --core \(core) --kernel \(guest.kernel)",
            ]
            let first = try await program.output("dump \(target) --where refcount>1 --limit 20 --format csv")
            for line in first.split(separator: "\n").dropFirst() {
                documents.append("frame \(line.split(separator: ",")[0]) \(target)")
                documents.append("owner \(line.split(separator: ",")[0]) \(target)")
            }
            documents.append("frame 0x0 \(target) --consistency live")
            documents.append("frame 0x10000 \(target)")
            var paths: [String] = []
            for (index, line) in documents.enumerated() {
                paths.append(program.file("\(index)-\(line.prefix { $0 != " " }).json"))
                let text = try await program.output(line + " --format json")
                try text.write(toFile: paths[index], atomically: true, encoding: .utf8)
            }
            let wrong = try await program.output(
                "doctor --qmp \(guest.qmpSocket) --kernel /bin/true --format json", status: 65)
            paths.append(program.file("wrong-image.json"))
            try wrong.write(toFile: paths[paths.count - 1], atomically: true, encoding: .utf8)
            let snapshot = program.file("earlier.fi")
            _ = try await program.output("snapshot \(target) -o \(snapshot)")
            try await guest.command("settle")
            for name in ["hook-panics", "pin-orphaned", "vtable-writable"] { try await guest.command("plant \(name)") }
            for (name, line, status) in [
                ("audit", "audit \(target) --interval 50ms", 1),
                ("audit-still", "audit --core \(core) --kernel \(guest.kernel)", 0),
                ("diff", "diff \(snapshot) live \(target)", 0),
            ] as [(String, String, Int32)] {
                let text = try await program.output(line + " --format json", status: status)
                paths.append(program.file("last-\(name).json"))
                try text.write(toFile: paths[paths.count - 1], atomically: true, encoding: .utf8)
            }
            for (name, line) in [("rows", "--limit 500"), ("blocks", "--blocks --limit 500")] {
                let text = try await program.output("dump \(target) \(line) --format ndjson")
                #expect(text.split(separator: "\n").count == 500)
                paths.append(program.file("\(name).ndjson"))
                try text.write(toFile: paths[paths.count - 1], atomically: true, encoding: .utf8)
            }
            try await guest.command("churn start")
            for subject in ["hooks", "pins"] {
                let line = "trace \(subject) \(target) --gdb \(gdb) --for 20s --count 12 --format ndjson"
                let text = try await program.output(line)
                #expect(text.split(separator: "\n").count >= 14, "\(text)")
                paths.append(program.file("trace-\(subject).ndjson"))
                try text.write(toFile: paths[paths.count - 1], atomically: true, encoding: .utf8)
            }
            try await guest.command("churn stop")
            let schemas = GuestBuild.packageRoot + "/docs/schema"
            let checker = try program.start(["python3", Program.support + "/validate.py", schemas] + paths)
            #expect(await checker.wait(timeout: .seconds(120)) == .status(0), "\(checker.outputText)")
            #expect(checker.outputText.isEmpty, "\(checker.outputText)")
            #expect(checker.errorText.split(separator: "\n").count == paths.count, "\(checker.errorText)")

            // The checker itself notices a key too many and a value of another type.
            let good = try String(contentsOfFile: paths[0], encoding: .utf8)
            for (old, new) in [("\"frames\": ", "\"extra\": 1, \"frames\": "), ("\"bytes\": ", "\"bytes\": -")] {
                let path = program.file("bad.json")
                try good.replacingOccurrences(of: old, with: new).write(toFile: path, atomically: true, encoding: .utf8)
                let checker = try program.start(["python3", Program.support + "/validate.py", schemas, path])
                #expect(await checker.wait(timeout: .seconds(60)) == .status(1))
            }
        }
    }
}
