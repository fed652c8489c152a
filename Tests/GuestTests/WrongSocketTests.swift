import FrameInspect
import GuestTesting
import QMP
import SocketTransport
import Testing

/// A GDB stub's socket given for the QMP socket: the guest is afterwards as it was, and the sentence says what was wrong.
@Suite(.serialized) struct WrongSocketTests {
    private static func failure(qmp socket: String, timeout: Duration = .seconds(1)) async throws -> InspectorError? {
        var target = TargetSpecification(profile: try KernelProfile.named("strat9"))
        target.qmp = try QMPAddress(socket)
        target.timeout = timeout
        do {
            _ = try await Inspector.withInspector(attachedTo: target) { try await $0.snapshot() }
            return nil
        } catch {
            return error as? InspectorError
        }
    }

    /// Waits until the guest runs, or does not: QEMU lets a connection go in its own time.
    private static func becomes(_ running: Bool, _ qmp: QMPClient) async throws -> Bool {
        for _ in 0..<100 {
            if try await qmp.execute(QueryStatus()).running == running { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func aStubOnTheCommandLineIsNotTouched(_ runs: Bool) async throws {
        try await QEMUProcess.with(runs ? [] : ["-S"], gdb: true) { qemu in
            try await QMPClient.withConnection(to: try QMPAddress(qemu.qmpSocket)) { qmp in
                let events = qmp.events()
                let stub = try #require(qemu.gdbSocket)
                let error = try #require(await Self.failure(qmp: stub))
                #expect(error.code == .unreachable)
                #expect(error.message.contains("--gdb") && error.message.contains("\(qemu.pid)"))
                #expect(try await qmp.execute(QueryStatus()).running == runs)
                await qmp.close()
                for try await event in events { #expect(event.name != "STOP" && event.name != "RESUME") }
            }
        }
    }

    /// A stub that no command line mentions.
    private static func startStub(_ qemu: QEMUProcess, _ qmp: QMPClient) async throws -> String {
        let path = qemu.directory.file("later.sock")
        let answer = try await qmp.monitor("gdbserver unix:\(path),server=on,wait=off")
        #expect(answer.hasPrefix("Waiting for gdb connection"))
        return path
    }

    /// A stub of QEMU up to 8 tells what connecting did; a later one cannot be told from a QMP socket that is taken.
    @Test(.timeLimit(.minutes(1))) func aStubThatNoCommandLineTellsIsNamedInTheError() async throws {
        try await QEMUProcess.with { qemu in
            try await QMPClient.withConnection(to: try QMPAddress(qemu.qmpSocket)) { qmp in
                let stub = try await Self.startStub(qemu, qmp)
                let error = try #require(await Self.failure(qmp: stub))
                #expect(error.code == .unreachable)
                #expect(error.message.contains("is a GDB stub"))
                if qmp.version.major < 8 { #expect(try await Self.becomes(true, qmp)) }
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aGuestThatHasNotStartedIsNotStarted() async throws {
        try await QEMUProcess.with(["-S"]) { qemu in
            try await QMPClient.withConnection(to: try QMPAddress(qemu.qmpSocket)) { qmp in
                let stub = try await Self.startStub(qemu, qmp)
                let error = try #require(await Self.failure(qmp: stub))
                #expect(error.message.contains("is a GDB stub"))
                #expect(try await !qmp.execute(QueryStatus()).running)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aQMPSocketThatIsTakenServesItsClientOn() async throws {
        try await QEMUProcess.with { qemu in
            try await QMPClient.withConnection(to: try QMPAddress(qemu.qmpSocket)) { qmp in
                let error = try #require(await Self.failure(qmp: qemu.qmpSocket))
                #expect(error.message.contains("another client holds this monitor"))
                #expect(try await qmp.execute(QueryStatus()).running)
            }
            let client = try await QMPClient.connect(to: try QMPAddress(qemu.qmpSocket), retryingFor: .seconds(20))
            #expect(try await client.execute(QueryStatus()).running)
            await client.close()
        }
    }
}
