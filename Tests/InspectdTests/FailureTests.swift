import Foundation
import GuestTesting
import Testing

/// What goes wrong outside: each failure is one clear sentence with what to do, and its exit status.
@Suite(.serialized) struct FailureTests {
    private func expect(
        _ run: Program.Run, _ status: Int32, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.status == status, "\(run.errors)", sourceLocation: sourceLocation)
        #expect(run.output.isEmpty, sourceLocation: sourceLocation)
        #expect(run.errors.hasPrefix("inspectd: "), "\(run.errors)", sourceLocation: sourceLocation)
        for part in parts {
            #expect(run.errors.contains(part), "'\(part)' in: \(run.errors)", sourceLocation: sourceLocation)
        }
    }

    @Test func socketsThatAreNotThere() async throws {
        let program = try Program()
        try await expect(program("summary", "--qmp", "/no/such.sock"), 69, "/no/such.sock", "targets")
        try await expect(program("summary", "--gdb", "/no/such.sock"), 69, "/no/such.sock", "targets")
        try await expect(program("summary", "--qmp", "127.0.0.1:1"), 69, "127.0.0.1:1", "nobody listens")
        try await expect(program("summary", "--qmp", "/dev/null"), 69, "/dev/null")
    }

    @Test(arguments: [
        ("silent", "another client holds", "answers nothing"), ("garbage", "not a QMP message", "QMP socket"),
        ("web", "does not speak QMP", "inspectd: "), ("flood", "does not speak QMP", "GDB remote protocol"),
    ])
    func peersThatSpeakSomethingElse(_ mode: String, _ asQMP: String, _ asStub: String) async throws {
        let program = try Program()
        let path = program.file("peer.sock")
        let peer = try await program.peer(mode, path)
        defer { peer.stop() }
        try await expect(program("summary", "--qmp", path, "--timeout", "2"), 69, asQMP)
        guard mode != "silent" else { return }
        try await expect(program("summary", "--gdb", path, "--timeout", "2"), 69, asStub)
    }

    @Test func aStubThatAnswersNothing() async throws {
        let program = try Program()
        let path = program.file("peer.sock")
        let peer = try await program.peer("silent", path)
        defer { peer.stop() }
        try await expect(program("summary", "--gdb", path, "--timeout", "2"), 69, "answers nothing", "--qmp")
    }

    @Test func coresAndProfilesThatAreNone() async throws {
        let program = try Program()
        let garbage = program.file("garbage")
        try Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7919) }).write(to: URL(fileURLWithPath: garbage))
        let fifo = program.file("fifo")
        #expect(mkfifo(fifo, 0o600) == 0)
        for (path, says) in [(garbage, "dump-guest-memory"), (fifo, "not a file"), ("/dev/zero", "not a file")] {
            try await expect(program("summary", "--core", path), 74, path, says)
        }
        try await expect(program("summary", "--core", "/no/such"), 69, "/no/such")
        try await expect(program("summary", "--core", Program.path), 74, "not a core", "dump-guest-memory")

        try await expect(program("summary", "--qmp", "a", "--profile", fifo + ".json"), 65, "fifo.json")
        for (path, says) in [(garbage, "not JSON"), (fifo, "not a file"), ("/dev/zero", "not a file")] {
            try await expect(program("summary", "--qmp", "a", "--profile", path), 65, path, says)
        }
        let built = GuestBuild.packageRoot + "/Sources/FrameInspect/Profile/Resources/strat9.json"
        let text = try String(contentsOfFile: built, encoding: .utf8)
        let odd = program.file("odd.json")
        try text.replacingOccurrences(of: "\"slot\": {", with: "\"slot\": { \"frobs\": 3,")
            .write(toFile: odd, atomically: true, encoding: .utf8)
        try await expect(program("summary", "--qmp", "a", "--profile", odd), 65, odd, "slot.frobs", "fixedStride")
    }

    @Test(.timeLimit(.minutes(3))) func aGuestWithoutAKernel() async throws {
        let program = try Program()
        try await QEMUProcess.with(gdb: true) { qemu in
            try await expect(program("summary", "--qmp", qemu.qmpSocket), 65, "long mode", "wait")
            try await expect(program("summary", "--gdb", qemu.gdbSocket ?? ""), 65, "long mode", "wait")
            let doctor = try await program("doctor", "--qmp", qemu.qmpSocket)
            #expect(doctor.status == 65)
            #expect(doctor.output.contains("long mode"))
        }
    }

    @Test(.timeLimit(.minutes(5))) func imagesThatDoNotFit() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            func summary(_ kernel: String) async throws -> Program.Run {
                try await program("summary", "--qmp", guest.qmpSocket, "--kernel", kernel)
            }
            try await expect(summary("/no/such.elf"), 65, "/no/such.elf")
            try await expect(summary("/etc/passwd"), 65, "/etc/passwd", "not an ELF file", "as it was linked")
            try await expect(summary("/tmp"), 65, "not a file")
            try await expect(summary("/dev/zero"), 65, "not a file")
            let other = try await GuestBuild.shared.kernel(.debug)
            try await expect(summary(other), 65, other, "does not run", "build id", "the image has", "the guest has")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: guest.kernel))
            let short = program.file("short.elf")
            try bytes.prefix(100_000).write(to: URL(fileURLWithPath: short))
            try await expect(summary(short), 65, "cut short")
            var narrow = Data([0x7F, 0x45, 0x4C, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 1, 0, 0, 0])
            narrow.append(Data(count: 200))
            let old = program.file("old.elf")
            try narrow.write(to: URL(fileURLWithPath: old))
            try await expect(summary(old), 65, "32-bit")

            // Without symbols or debug information the table is found by its shape.
            for option in ["--strip-all", "--strip-debug"] {
                let stripped = program.file("stripped.elf")
                let strip = try await program.shell("strip \(option) -o '\(stripped)' '\(guest.kernel)'")
                try #require(strip.status == 0, "\(strip.errors)")
                let run = try await summary(stripped)
                #expect(run.status == 0, "\(option): \(run.errors)")
                #expect(run.output.contains("kernel"))
            }
            let outside = try await program(
                "frame", "0xfd000000", "--qmp", guest.qmpSocket, "--kernel", guest.kernel)
            expect(outside, 64, "0xfd000000", "covers 0x0..")
            let range = try await program(
                "dump", "--range", "1T..2T", "--qmp", guest.qmpSocket, "--kernel", guest.kernel)
            expect(range, 64, "nothing of the range")
        }
    }

    @Test(.timeLimit(.minutes(3))) func aMonitorThatIsTakenAndAGuestThatEnds() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 512, gdb: true)) { guest in
            let gdb = try #require(guest.gdbSocket)
            try await expect(
                program("summary", "--qmp", gdb, "--kernel", guest.kernel), 69, "GDB stub", "socket of -qmp")
            let holder = try await program.peer("hold", guest.qmpSocket)
            try await expect(
                program("summary", "--qmp", guest.qmpSocket, "--timeout", "1"), 69, "another client", "-qmp")
            holder.stop()

            // The socket's name goes in mid-read, then QEMU itself.
            let script = Program.onTerminal("\"$INSPECTD\" map --gdb \(gdb) --memory gdbstub --kernel \(guest.kernel)")
            let run = try program.start(script)
            for _ in 0..<3000 where run.isRunning && !run.outputText.contains("Reading") {
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(unlink(gdb) == 0)
            guest.qemu.process.send(signal: SIGKILL)
            #expect(await run.wait(timeout: .seconds(30)) == .status(69), "\(run.outputText)")
            #expect(run.outputText.contains("the guest ended while its memory was read"), "\(run.outputText)")
        }
    }

    @Test(.timeLimit(.minutes(3)), .enabled(if: geteuid() == 0, "only root can become another user"))
    func anotherUserIsToldWhatIsMissing() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            // Another user who may go through every folder, but not look into other processes.
            let nobody =
                "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_read_search "
                + "--ambient-caps +dac_read_search env XDG_CACHE_HOME=/nowhere $INSPECTD"
            let target = "--qmp \(guest.qmpSocket) --kernel \(guest.kernel)"
            try await expect(program.shell("\(nobody) summary \(target)"), 69, "may not connect", "run as")
            chmod(guest.qemu.directory.path, 0o755)
            chmod(guest.qmpSocket, 0o666)
            let run = try await program.shell("\(nobody) summary --memory process \(target)")
            expect(run, 74, "uid 65534", "uid 0", "CAP_SYS_PTRACE")
            let scope = try? String(contentsOfFile: "/proc/sys/kernel/yama/ptrace_scope", encoding: .utf8)
            if scope != nil { #expect(run.errors.contains("ptrace_scope"), "\(run.errors)") }
            try await expect(program.shell("\(nobody) summary --memory mapped \(target)"), 74, "uid 65534")
            // Another way is found, and why it is not a better one is said.
            let auto = try await program.shell("\(nobody) summary \(target)")
            #expect(auto.status == 0, "\(auto.errors)")
            #expect(auto.output.contains("Memory: dump"))
            #expect(auto.output.contains("process was not possible"))
        }
    }
}
