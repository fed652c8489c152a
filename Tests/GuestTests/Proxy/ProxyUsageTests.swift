import Foundation
import GuestTesting
import SocketTransport
import Testing

/// What the proxy refuses before it does anything.
@Suite(.timeLimit(.minutes(5))) struct ProxyUsageTests {
    private static func failure(_ arguments: [String], in directory: TemporaryDirectory) async throws -> (Int32, String)
    {
        let process = try SharedStub.start(
            arguments, in: directory, name: "refused\(UInt32.random(in: 0...UInt32.max))")
        guard case .status(let status)? = await process.wait(timeout: .seconds(30)) else {
            process.stop()
            throw TestProcessError("the proxy does not end")
        }
        return (status, process.errorText)
    }

    /// A socket that listens, as a stub does.
    private static func listener(_ path: String) throws -> SocketListener {
        try SocketListener(.unix(path: path)) { close($0) }
    }

    @Test(arguments: [
        ("tcp:0.0.0.0:4000", 64, "can be reached from other machines"),
        ("192.0.2.1:4000", 64, "can be reached from other machines"),
        ("tcp:127.0.0.1:99999", 64, "not a TCP port"), ("unix:/nowhere/at/all.sock", 69, "does not exist"),
        ("unix:/etc/hostname", 64, "is no socket"), ("unix:", 64, "names no socket"),
        ("/tmp/" + String(repeating: "x", count: 120), 64, "is longer than 107 bytes"),
    ]) func badAddressesAreRefused(_ listen: String, _ status: Int32, _ words: String) async throws {
        let directory = try TemporaryDirectory(prefix: "proxy")
        let stub = try Self.listener(directory.file("gdb.sock"))
        defer { stub.close() }
        let (code, text) = try await Self.failure(
            ["--gdb", directory.file("gdb.sock"), "--listen", listen], in: directory)
        #expect(code == status)
        #expect(text.contains(words), "\(text)")
    }

    @Test func aSocketInUseIsRefusedAndADeadOneIsReplaced() async throws {
        let directory = try TemporaryDirectory(prefix: "proxy")
        let stub = try Self.listener(directory.file("gdb.sock"))
        defer { stub.close() }
        let arguments = ["--gdb", directory.file("gdb.sock")]
        let first = try await SharedStub(arguments, in: directory, name: "first")
        let (status, text) = try await Self.failure(arguments + ["--listen", first.address], in: directory)
        #expect(status == 69 && text.contains("is in use"), "\(text)")
        first.process.send(signal: SIGKILL)
        _ = await first.process.wait(timeout: .seconds(10))
        #expect(access(first.address, F_OK) == 0, "left behind")
        let second = try await SharedStub(arguments, listen: first.address, in: directory, name: "second")
        #expect(second.process.isRunning)
        second.process.send(signal: SIGTERM)
        _ = await second.process.wait(timeout: .seconds(20))
        #expect(access(first.address, F_OK) != 0)
    }

    @Test func aPortInUseIsRefused() async throws {
        let directory = try TemporaryDirectory(prefix: "proxy")
        let stub = try Self.listener(directory.file("gdb.sock"))
        defer { stub.close() }
        var port = 0
        var taken: SocketListener?
        for _ in 0..<50 where taken == nil {
            port = Int.random(in: 20_000...32_000)
            taken = try? SocketListener(.tcp(host: "127.0.0.1", port: port)) { close($0) }
        }
        defer { taken?.close() }
        let (status, text) = try await Self.failure(
            ["--gdb", directory.file("gdb.sock"), "--listen", "tcp:127.0.0.1:\(port)"], in: directory)
        #expect(status == 69 && text.contains("is in use"), "\(text)")
    }

    @Test func whatIsMissingIsSaid() async throws {
        let directory = try TemporaryDirectory(prefix: "proxy")
        let listen = ["--listen", directory.file("proxy.sock")]
        for (arguments, status, words) in [
            (listen, 64, "No guest was given"), (listen + ["--qmp", "q"], 64, "No stub was given"),
            (listen + ["--gdb", directory.file("none")], 69, "there is no socket at"),
            (listen + ["--gdb", "/etc/hostname"], 69, "is not a socket"),
            (listen + ["--gdb", directory.file("none"), "--start-stub"], 64, "give --qmp as well"),
            (listen + ["--core", "x"], 64, "A core file has no stub"), (["--gdb", "x/y"], 64, "--listen"),
        ] as [([String], Int32, String)] {
            let (code, text) = try await Self.failure(arguments, in: directory)
            #expect(code == status && text.contains(words), "\(arguments): \(text)")
        }
    }
}
