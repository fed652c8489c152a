import Foundation
import GuestTesting
import Testing

/// LLDB as the client (`scripts/install-lldb`).
@Suite(.serialized, .timeLimit(.minutes(5))) struct ProxyLLDBTests {
    /// What LLDB prints for commands.
    private static func lldb(
        _ commands: [String], at address: String, kernel: String, in directory: TemporaryDirectory
    ) async throws -> String {
        let lldb = "\(GuestBuild.packageRoot)/.build/lldb/bin/lldb"
        try #require(access(lldb, X_OK) == 0, "there is no \(lldb): run scripts/install-lldb")
        let all =
            ["target create \(kernel)", "process connect -p gdb-remote unix-connect://\(address)"] + commands
        let process = try ChildProcess(
            lldb, ["-x", "-b", "--no-use-colors"] + all.flatMap { ["-o", $0] }, in: directory, name: "lldb",
            environment: SharedStub.environment(directory))
        #expect(await process.wait(timeout: .seconds(120)) == .status(0), "\(process.outputText)")
        process.stop()
        return process.outputText + process.errorText
    }

    @Test func breakpointsStepsAndMemory() async throws {
        let kernel = try await GuestBuild.shared.kernel(.debug)
        let directory = try TemporaryDirectory(prefix: "lldb")
        let names = try ChildProcess("nm", [kernel], in: directory, name: "nm")
        #expect(await names.wait(timeout: .seconds(60)) == .status(0))
        let line = names.outputText.split(separator: "\n").first { $0.contains("8commands8announce17h") }
        let place = try #require(line).prefix { $0 != " " }
        let arguments = ["-S", "-machine", "q35", "-accel", "tcg", "-m", "64M", "-smp", "2", "-kernel", kernel]
        try await QEMUProcess.with(arguments + ["-serial", "null"], gdb: true) { qemu in
            let stub = ["--gdb", try #require(qemu.gdbSocket), "--kernel", kernel]
            try await SharedStub.with(stub, in: qemu.directory) { proxy in
                let text = try await Self.lldb(
                    [
                        "register read rip", "breakpoint set -a 0x\(place)", "continue", "thread list",
                        "memory read -c 16 $rip", "process plugin packet monitor fi version",
                        "process plugin packet monitor fi frame 0x200000", "process plugin packet monitor info version",
                        "thread step-inst", "thread step-over", "thread backtrace",
                        "watchpoint set expression -w write -s 8 -- $rsp-64", "continue", "watchpoint delete -f",
                        "breakpoint delete -f", "process detach",
                    ], at: proxy.address, kernel: kernel, in: qemu.directory)
                for words in [
                    "rip = 0x000000000000fff0", "stop reason = breakpoint 1", "thread #2", "inspectd 0.1.0 api 1",
                    "Frame 0x200000, number 512", "stop reason = instruction step", "stop reason = step over", "kmain",
                    "stop reason = watchpoint 1", "detached",
                ] {
                    #expect(text.contains(words), "\(words) in \(text)")
                }
                try await SharedStub.expect(running: true, qemu.qmpSocket, "after detaching")
            }
        }
    }

    @Test func aGuestThatRan() async throws {
        try await TestGuest.with(TestGuest.Configuration(.release, megabytes: 64, cpus: 2, gdb: true)) { guest in
            let stub = ["--gdb", try #require(guest.gdbSocket), "--kernel", guest.kernel]
            try await SharedStub.with(stub, in: guest.qemu.directory) { proxy in
                let text = try await Self.lldb(
                    [
                        "thread list", "memory read -c 16 $rip", "process plugin packet monitor fi summary",
                        "process detach",
                    ], at: proxy.address, kernel: guest.kernel, in: guest.qemu.directory)
                for words in ["thread #2", "free-interior", "detached"] {
                    #expect(text.contains(words), "\(words) in \(text)")
                }
                try await SharedStub.expect(running: true, guest.qmpSocket, "after detaching")
                try await guest.command("ping")
            }
        }
    }
}
