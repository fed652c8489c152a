import Foundation
import GuestTesting
import SocketTransport
import Testing

@testable import QMP

/// The client against QEMU itself and against another server that speaks QMP, `qemu-storage-daemon`.
@Suite(.serialized) struct RealServerTests {
    /// `query-commands`: what a server can be asked.
    private struct QueryCommands: QMPCommand {
        struct Entry: Decodable, Sendable { var name: String }
        typealias Reply = [Entry]
        static let name = "query-commands"
    }

    /// `quit`: ends the server.
    private struct Quit: QMPCommand {
        typealias Reply = EmptyReply
        static let name = "quit"
    }

    /// `blockdev-create`: makes an image file, as a job that reports its progress in events.
    private struct CreateImage: QMPCommand {
        struct Options: Encodable, Sendable {
            var driver = "file"
            var filename: String
            var size = 65_536
        }
        typealias Reply = EmptyReply
        static let name = "blockdev-create"
        let job: String
        var options: Options

        enum CodingKeys: String, CodingKey {
            case job = "job-id"
            case options
        }
    }

    // MARK: qemu-storage-daemon

    @Test(.timeLimit(.minutes(1))) func theStorageDaemonIsAQMPServerToo() async throws {
        let directory = try TemporaryDirectory(prefix: "qsd")
        let path = directory.file("qmp.sock")
        let daemon = try ChildProcess(
            "qemu-storage-daemon",
            ["--chardev", "socket,id=monitor,path=\(path),server=on,wait=off", "--monitor", "chardev=monitor"],
            in: directory)
        defer { daemon.stop() }
        try await daemon.waitForSocket(path)
        let client = try await QMPClient.connect(to: .unix(path: path), retryingFor: .seconds(20))
        #expect(client.peer?.pid == daemon.pid)
        #expect(try await client.execute(QueryVersion()) == client.version)
        let commands = Set(try await client.execute(QueryCommands()).map(\.name))
        #expect(commands.isSuperset(of: ["query-version", "blockdev-create", "quit"]))
        #expect(!commands.contains("query-status"), "it has no guest")

        let noGuest = await failure { _ = try await client.execute(QueryStatus()) }
        #expect(noGuest?.code == .command(class: "CommandNotFound"))
        #expect(noGuest?.message.contains("query-status") == true)

        struct Status: Decodable {
            var id: String
            var status: String
        }
        let events = client.events()
        _ = try await client.execute(
            CreateImage(job: "create", options: .init(filename: directory.file("disk.img"))))
        var states: [String] = []
        for try await event in events where event.name == "JOB_STATUS_CHANGE" {
            let status = try #require(try event.data(as: Status.self))
            #expect(status.id == "create" && event.seconds > 1_500_000_000)
            states.append(status.status)
            if status.status == "concluded" { break }
        }
        #expect(states.contains("running"))

        // Its last words are the reply or nothing: either way the connection ends with a reason.
        let ending = client.events()
        let last = await failure { _ = try await client.execute(Quit()) }
        #expect(last == nil || last?.code == .disconnected)
        let reason = await failure { for try await _ in ending {} }
        #expect(reason?.code == .disconnected)
        #expect(await daemon.wait() == .status(0))
    }

    // MARK: QEMU

    @Test(.timeLimit(.minutes(1))) func aMachineWithoutAnythingAnswers() async throws {
        try await QEMUProcess.with(["-machine", "none"]) { qemu in
            let address = try QMPAddress(qemu.qmpSocket)
            try await QMPClient.withConnection(to: address) { client in
                #expect(client.version.major >= 7)
                #expect(client.peer?.pid == qemu.pid)
                let version = try await client.execute(QueryVersion())
                #expect(version == client.version)
                let running = try await client.execute(QueryStatus()).running
                #expect(running)
                let text = try await client.monitor("info version")
                #expect(text.hasPrefix("\(version.major).\(version.minor).\(version.micro)") && !text.contains("\r"))
                let refusal = try await client.monitor("gpa2hva")
                #expect(throws: QMPError.self) { try HostAddress.parse(refusal) }
                // A name without a descriptor, and a number that no command takes.
                let missing = await failure { _ = try await client.execute(CloseDescriptor(named: "none")) }
                #expect(missing?.code == .command(class: "GenericError"))
                let absurd = await failure {
                    _ = try await client.execute(DumpGuestMemory(to: "file:/x", begin: 1 << 63, length: 1))
                }
                #expect(absurd?.code == .usage)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func descriptorsArePassedAmongOtherCalls() async throws {
        try await QEMUProcess.with(["-machine", "none"]) { qemu in
            try await QMPClient.withConnection(to: try QMPAddress(qemu.qmpSocket)) { client in
                let file = open("/dev/null", O_RDWR | O_CLOEXEC)
                defer { close(file) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 {
                        group.addTask { _ = try await client.execute(QueryStatus()) }
                        group.addTask { try await client.passDescriptor(file, named: "fd-\(number)") }
                    }
                    try await group.waitForAll()
                }
                for number in 0..<20 { _ = try await client.execute(CloseDescriptor(named: "fd-\(number)")) }
                let closed = await failure { try await client.passDescriptor(-1, named: "none") }
                #expect(closed?.code == .usage)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aSecondClientIsToldThatTheMonitorIsTaken() async throws {
        try await QEMUProcess.with(["-machine", "none"]) { qemu in
            let address = try QMPAddress(qemu.qmpSocket)
            let first = try await QMPClient.connect(to: address)
            let error = await failure { _ = try await QMPClient.connect(to: address, timeout: .milliseconds(300)) }
            #expect(error?.code == .busy)
            _ = try await first.execute(QueryStatus())
            await first.close()
            let next = try await QMPClient.connect(to: address, retryingFor: .seconds(20))
            _ = try await next.execute(QueryStatus())
            await next.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func aQEMUThatDiesInMidCallFailsTheCall() async throws {
        try await QEMUProcess.with(["-machine", "none"]) { qemu in
            let client = try await QMPClient.connect(to: try QMPAddress(qemu.qmpSocket))
            let events = client.events()
            // A stopped process answers nothing: the calls are on their way when it dies.
            qemu.process.send(signal: SIGSTOP)
            let calls = (0..<3).map { _ in Task { try await client.execute(QueryStatus(), timeout: .seconds(50)) } }
            try await Task.sleep(for: .milliseconds(100))
            qemu.process.send(signal: SIGKILL)
            for call in calls {
                let error = await failure { _ = try await call.value }
                #expect(error?.code == .disconnected)
            }
            let reason = await failure { for try await _ in events {} }
            #expect(reason?.code == .disconnected)
            #expect(client.endReason?.code == .disconnected)
        }
    }

    @Test(.timeLimit(.minutes(1))) func quittingIsSeenAsEventThenReplyThenEnd() async throws {
        try await QEMUProcess.with(["-machine", "none"]) { qemu in
            let client = try await QMPClient.connect(to: try QMPAddress(qemu.qmpSocket))
            let events = client.events()
            let error = await failure { _ = try await client.execute(Quit()) }
            #expect(error == nil || error?.code == .disconnected)
            var names: [String] = []
            let reason = await failure { for try await event in events { names.append(event.name) } }
            #expect(names.contains("SHUTDOWN"))
            #expect(reason?.code == .disconnected)
            #expect(await qemu.process.wait() == .status(0))
        }
    }

    @Test(.timeLimit(.minutes(1))) func aWatcherFollowsQEMUOverARestart() async throws {
        let directory = try TemporaryDirectory(prefix: "again")
        let first = try await QEMUProcess.launch(["-machine", "none"], in: directory)
        let address = try QMPAddress(first.qmpSocket)
        let (seen, report) = AsyncStream.makeStream(of: Int32.self)
        let watch = Task {
            try await QMPClient.reconnecting(to: address, retryingFor: .seconds(40)) { client in
                report.yield(client.peer?.pid ?? 0)
                for try await event in client.events() where event.name == "STOP" { return client.peer?.pid }
                return nil
            }
        }
        var pids = seen.makeAsyncIterator()
        #expect(await pids.next() == first.pid)
        first.stop()
        let second = try await QEMUProcess.launch(["-machine", "none"], qmpSockets: 2, in: directory)
        defer { second.stop() }
        #expect(await pids.next() == second.pid)
        try await QMPClient.withConnection(to: try QMPAddress(second.qmpSockets[1])) { client in
            // The watcher may just have connected and not yet listen.
            for _ in 0..<50 {
                _ = try await client.execute(StopGuest())
                _ = try await client.execute(ContinueGuest())
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        #expect(try await watch.value == second.pid)
    }
}
