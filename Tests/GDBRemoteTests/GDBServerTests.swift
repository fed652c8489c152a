@testable import GDBRemote
import Foundation
import GuestTesting
import SocketTransport
import Testing

/// The client against GNU gdbserver, which is another implementation of the protocol.
@Suite(.serialized, .timeLimit(.minutes(3))) struct GDBServerTests {
    /// What is debugged: two threads, and something to find.
    private static let source = """
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        const char text[] = "read over the wire: #$}* and \\x80\\xff";
        volatile int watched;
        volatile int wanted = 1;
        int twice(int n) { return n + n; }
        static void *worker(void *nothing) { for (;;) pause(); return nothing; }
        int main(int argc, char **argv) {
            pthread_t thread;
            alarm(60);
            pthread_create(&thread, 0, worker, 0);
            for (int i = 0; i < 400; i++) { watched = twice(i); usleep(1000); }
            FILE *end = fopen(argv[argc - 1], "w");
            fclose(end);
            return 42;
        }
        """

    /// A program under gdbserver.
    private struct Debuggee {
        var client: GDBClient
        var server: ChildProcess
        var symbols: [String: UInt64]
        /// The file that the program writes when it ends by itself.
        var mark: String
    }

    private static func compile(in directory: TemporaryDirectory) async throws -> (String, [String: UInt64]) {
        let file = directory.file("debuggee.c")
        let program = directory.file("debuggee")
        try source.write(toFile: file, atomically: true, encoding: .utf8)
        // At fixed addresses, so that nm tells where everything is.
        let compiler = try ChildProcess(
            "gcc", ["-O0", "-no-pie", "-pthread", "-o", program, file], in: directory, name: "cc")
        let status = await compiler.wait(timeout: .seconds(60))
        guard status == .status(0) else { throw TestProcessError("gcc: \(compiler.errorText)") }
        let names = try ChildProcess("nm", [program], in: directory, name: "nm")
        _ = await names.wait(timeout: .seconds(30))
        var symbols: [String: UInt64] = [:]
        for line in names.outputText.split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 3 { symbols[String(parts[2])] = UInt64(parts[0], radix: 16) }
        }
        return (program, symbols)
    }

    private static func with<Value>(_ body: (Debuggee) async throws -> Value) async throws -> Value {
        let directory = try TemporaryDirectory(prefix: "gdbserver")
        let (program, symbols) = try await compile(in: directory)
        let mark = directory.file("finished")
        let server = try ChildProcess(
            "gdbserver", ["--once", "127.0.0.1:0", program, mark], in: directory, name: "server")
        defer { server.stop() }
        var port: Int?
        for _ in 0..<2000 {
            let line = server.errorText.split(separator: "\n").first { $0.hasPrefix("Listening on port ") }
            port = line.flatMap { Int($0.dropFirst(18)) }
            if port != nil || !server.isRunning { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        guard let port else { throw TestProcessError("gdbserver: \(server.errorText)") }
        let client = try await GDBClient.connect(to: .tcp(host: "127.0.0.1", port: port))
        let debuggee = Debuggee(client: client, server: server, symbols: symbols, mark: mark)
        let value = try await body(debuggee)
        try? await client.detach(leavingRunning: true)
        return value
    }

    private static func isThere(_ path: String) async throws -> Bool {
        for _ in 0..<1000 {
            if FileManager.default.fileExists(atPath: path) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    @Test func attachingNegotiatesWhatItOffers() async throws {
        try await Self.with { debuggee async throws in
            let attachment = debuggee.client.attachment
            #expect(!attachment.isQEMU && !attachment.isAcknowledging && !attachment.stoppedTarget)
            #expect(attachment.stop?.event == .stopped(signal: 5))
            #expect(attachment.packetSize > 1000)
            #expect(try await debuggee.client.threads().count == 1)
            let mode = await #expect(throws: GDBError.self) { try await debuggee.client.setPhysicalMode(true) }
            #expect(mode?.code == .refusedByStub(nil))
        }
    }

    @Test func memoryAndRegistersAreTheProgramsOwn() async throws {
        try await Self.with { debuggee async throws in
            let client = debuggee.client
            let main = try #require(debuggee.symbols["main"])
            try await client.setBreakpoint(Breakpoint(.software, at: main))
            try await client.resume()
            let stop = try await client.waitForStop(timeout: .seconds(20))
            #expect(stop.event == .stopped(signal: 5))
            #expect(stop.reason == .softwareBreakpoint)
            let description = try await client.targetDescription()
            #expect(description.architecture == "i386:x86-64")
            #expect(description.registers.count > 24)
            let values = try await client.registers(of: stop.thread)
            #expect(values["rip"] == main)
            #expect(values["rdi"] == 2, "argc")
            #expect(
                try await client.register("rip", of: stop.thread)?.reversed().reduce(0) { $0 << 8 | UInt64($1) } == main
            )
            // argv[1] is the path that was given.
            let arguments = try #require(values["rsi"])
            let pointer = try await client.readMemory(at: arguments + 8, count: 8)
            let path = try await client.readMemory(
                at: pointer.reversed().reduce(0) { $0 << 8 | UInt64($1) }, count: debuggee.mark.utf8.count)
            #expect(String(decoding: path, as: UTF8.self) == debuggee.mark)
            let text = try #require(debuggee.symbols["text"])
            let expected = Array("read over the wire: #$}* and ".utf8) + [0x80, 0xFF, 0]
            #expect(try await client.readMemory(at: text, count: expected.count) == expected)
            let stack = try #require(values["rsp"])
            let once = try await client.readMemory(at: stack - 100_000, count: 100_000)
            #expect(try await client.readMemory(at: stack - 100_000, count: 50_000) == Array(once.prefix(50_000)))
            let nowhere = await #expect(throws: GDBError.self) { try await client.readMemory(at: 16, count: 8) }
            if case .refusedByStub? = nowhere?.code {} else { Issue.record("\(String(describing: nowhere))") }
        }
    }

    @Test func runningStopsWhereItShould() async throws {
        try await Self.with { debuggee async throws in
            let client = debuggee.client
            let twice = try #require(debuggee.symbols["twice"])
            let watched = try #require(debuggee.symbols["watched"])
            for kind in [Breakpoint.Kind.software, .hardware] {
                try await client.setBreakpoint(Breakpoint(kind, at: twice))
                try await client.resume()
                let stop = try await client.waitForStop(timeout: .seconds(20))
                #expect(stop.reason == (kind == .software ? .softwareBreakpoint : .hardwareBreakpoint))
                #expect(try await client.registers(of: stop.thread)["rip"] == twice)
                try await client.removeBreakpoint(Breakpoint(kind, at: twice))
                try await client.step(stop.thread)
                #expect(try await client.waitForStop().event == .stopped(signal: 5))
                let next = try #require(try await client.registers(of: stop.thread)["rip"])
                #expect(next > twice && next < twice + 16)
            }
            #expect(try await client.threads().count == 2)
            for thread in try await client.threads() {
                #expect(try await client.registers(of: thread)["rsp"] ?? 0 > 4096)
            }
            try await client.setBreakpoint(Breakpoint(.write, at: watched, length: 4))
            try await client.resume()
            #expect(try await client.waitForStop(timeout: .seconds(20)).reason == .watchpoint(.write, address: watched))
            try await client.removeBreakpoint(Breakpoint(.write, at: watched, length: 4))
            try await client.resume()
            // The other thread may have met the watchpoint too: the stub tells it first.
            var stop = try await client.interrupt()
            for _ in 0..<8 where stop.event == .stopped(signal: 5) {
                try await client.resume()
                stop = try await client.interrupt()
            }
            #expect(stop.event == .stopped(signal: 2))
        }
    }

    @Test func leavingLetsTheProgramFinish() async throws {
        try await Self.with { debuggee async throws in
            let twice = try #require(debuggee.symbols["twice"])
            // Left in, it would end the program with a signal.
            try await debuggee.client.setBreakpoint(Breakpoint(.software, at: twice))
            try await debuggee.client.resume()
            try await debuggee.client.waitForStop(timeout: .seconds(20))
            try await debuggee.client.detach(leavingRunning: true)
            #expect(try await Self.isThere(debuggee.mark))
        }
    }

    @Test func theEndOfTheProgramIsAStop() async throws {
        try await Self.with { debuggee async throws in
            try await debuggee.client.resume()
            let stop = try await debuggee.client.waitForStop(timeout: .seconds(30))
            #expect(stop.event == .exited(status: 42))
            #expect(!stop.isAlive)
        }
    }
}
