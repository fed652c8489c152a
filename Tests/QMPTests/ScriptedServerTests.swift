import Foundation
import GuestTesting
import Synchronization
import Testing

@testable import QMP
@testable import SocketTransport

/// The client against servers that do what real ones did, and what no real one should.
@Suite(.serialized) struct ScriptedServerTests {
    @Test(.timeLimit(.minutes(1)), arguments: QEMUBehaviour.allCases)
    func aSessionAsEachVersionHoldsIt(_ version: QEMUBehaviour) async throws {
        let server = try ScriptedServer { peer in
            let handshake = try peer.greet(as: version)
            guard handshake?.execute == "qmp_capabilities",
                handshake?.arguments?.enable == (version == .plain ? nil : ["oob"])
            else { throw TestProcessError("the handshake was \(String(describing: handshake))") }
            while let request = try peer.request() {
                switch request.execute {
                case "query-status":
                    peer.send("{\"return\": \(version.status(running: true)), \"id\": \(request.id)}")
                case "stop":
                    peer.send(#"{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}"#)
                    peer.send("{\"return\": {}, \"id\": \(request.id)}")
                case "human-monitor-command":
                    peer.send(#"{"return": "gpa: 0x1000\r\nsecond\r\n", "id": \#(request.id)}"#)
                default:
                    peer.send(
                        #"{"id": \#(request.id), "error": {"class": "CommandNotFound", "desc": "The command has not been found"}}"#
                    )
                }
            }
        }
        let client = try await QMPClient.connect(to: server.address)
        #expect(client.version.description.hasPrefix(version == .plain ? "2.11" : version.rawValue))
        #expect(client.peer?.pid == getpid())
        let events = client.events()
        #expect(try await client.execute(QueryStatus()) == RunStatus(status: .running, running: true))
        _ = try await client.execute(StopGuest())
        #expect(try await client.monitor("gva2gpa 0") == "gpa: 0x1000\nsecond\n")
        let error = await failure { _ = try await client.execute(QueryVersion()) }
        #expect(error?.code == .command(class: "CommandNotFound"))
        await client.close()
        var names: [String] = []
        for try await event in events { names.append(event.name) }
        #expect(names == ["STOP"], "what came before the end is not lost, and an end from this side is no error")
        #expect(server.problems.isEmpty)
        let late = await failure { _ = try await client.execute(QueryStatus()) }
        #expect(late?.code == .disconnected)
    }

    @Test(.timeLimit(.minutes(1))) func repliesGoToTheirCallsInAnyOrder() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            var requests: [ScriptedRequest] = []
            while requests.count < 50, let request = try peer.request() { requests.append(request) }
            for request in requests.reversed() {
                peer.send("{\"return\": {}, \"id\": \(request.id + 1000)}")
                peer.send("{\"return\": \"\(request.arguments?.line ?? "")\", \"id\": \(request.id)}")
                peer.send("{\"event\": \"RTC_CHANGE\", \"timestamp\": {\"seconds\": -1, \"microseconds\": -1}}")
            }
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let text = try await client.monitor("line \(number)")
                        #expect(text == "line \(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
        #expect(server.problems.isEmpty)
    }

    @Test(.timeLimit(.minutes(1))) func aCancelledCallLeavesTheOthersTheirReplies() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v7)
            var held: [ScriptedRequest] = []
            while let request = try peer.request() {
                held.append(request)
                // The first stays without an answer until the second has come.
                guard held.count > 1 else { continue }
                for request in held {
                    peer.send("{\"return\": \"\(request.arguments?.line ?? "")\", \"id\": \(request.id)}")
                }
            }
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let first = Task { try await client.monitor("first") }
            try await Task.sleep(for: .milliseconds(100))
            first.cancel()
            let error = await failure { _ = try await first.value }
            #expect(error?.code == .cancelled)
            #expect(try await client.monitor("second") == "second")
            #expect(try await client.monitor("third") == "third")
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLateReplyIsDropped() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v11)
            guard let slow = try peer.request(), let next = try peer.request() else { return }
            peer.send("{\"return\": \"slow\", \"id\": \(slow.id)}")
            peer.send("{\"return\": \"next\", \"id\": \(next.id)}")
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let error = await failure { _ = try await client.monitor("slow", timeout: .milliseconds(50)) }
            #expect(error?.code == .timeout)
            #expect(error?.message.contains("human-monitor-command") == true)
            let next = try await client.monitor("next")
            #expect(next == "next")
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: QEMUBehaviour.allCases)
    func anErrorWithoutAnIDFailsTheCallAndNotTheConnection(_ version: QEMUBehaviour) async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: version)
            guard try peer.request() != nil else { return }
            peer.send(version.parseError)
            guard let request = try peer.request() else { return }
            peer.send("{\"return\": {}, \"id\": \(request.id)}")
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let error = await failure { _ = try await client.execute(StopGuest()) }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains("JSON parse error") == true)
            _ = try await client.execute(StopGuest())
        }
    }

    @Test(.timeLimit(.minutes(1))) func aReplyOfManyMegabytesArrives() async throws {
        let size = 9 << 20
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            guard let request = try peer.request() else { return }
            peer.send("{\"return\": \"" + String(repeating: "x", count: size) + "\", \"id\": \(request.id)}")
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let text = try await client.monitor("info tlb", timeout: .seconds(40))
            #expect(text.utf8.count == size)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aLineOverTheCapEndsTheConnection() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            guard try peer.request() != nil else { return }
            let piece = Array(repeating: UInt8(ascii: "x"), count: 1 << 20)
            for _ in 0..<11 { peer.send(piece) }
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let events = client.events()
            let error = await failure { _ = try await client.monitor("info tlb", timeout: .seconds(40)) }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains("10485760 bytes") == true)
            let reason = await failure { for try await _ in events {} }
            #expect(reason?.code == .malformed, "the events end with the reason")
        }
    }

    /// Wherever the server breaks off, connecting or the call fails with a sentence, and nothing waits.
    @Test(.timeLimit(.minutes(2))) func survivesACloseAtEveryByte() async throws {
        let greeting = Array((QEMUBehaviour.v7.greeting + "\r\n").utf8)
        let rest = Array(
            "{\"return\": {}, \"id\": 0}\r\n{\"return\": {\"status\": \"running\", \"running\": true}".utf8)
        let conversation = greeting + rest
        let server = try ScriptedServer(
            (0..<conversation.count).map { count in
                { peer in
                    peer.send(conversation[..<min(count, greeting.count)])
                    guard count > greeting.count else { return }
                    _ = try peer.request()
                    peer.send(conversation[greeting.count..<count])
                }
            })
        for count in 0..<conversation.count {
            let error = await failure {
                let client = try await QMPClient.connect(to: server.address, timeout: .seconds(20))
                _ = try await client.execute(QueryStatus(), timeout: .seconds(20))
            }
            #expect(error?.code == .disconnected, "after \(count) bytes: \(String(describing: error))")
        }
        #expect(server.problems.isEmpty)
    }

    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "nonsense", "{\"return\": }", "[1, 2, 3]", "{\"return\": {}, \"id\": 1, \"error\": 4}", "\u{1}\u{2}\u{3}",
        ]) func garbageEndsTheConnectionWithASentence(_ line: String) async throws
    {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            guard try peer.request() != nil else { return }
            peer.send(line)
            try peer.waitForEnd()
        }
        let client = try await QMPClient.connect(to: server.address)
        let error = await failure { _ = try await client.execute(QueryStatus()) }
        #expect(error?.code == .malformed)
        #expect(client.endReason?.code == .malformed)
    }

    @Test(.timeLimit(.minutes(1))) func aReplyOfAnotherFormFailsItsCallOnly() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            while let request = try peer.request() { peer.send("{\"return\": [7], \"id\": \(request.id)}") }
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let error = await failure { _ = try await client.execute(QueryStatus()) }
            #expect(error?.code == .malformed)
            #expect(error?.message.contains("query-status") == true)
            _ = try await client.execute(StopGuest())
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatNeverGreetsIsBusy() async throws {
        let server = try ScriptedServer { try $0.waitForEnd() }
        let error = await failure {
            _ = try await QMPClient.connect(to: server.address, timeout: .milliseconds(100))
        }
        #expect(error?.code == .busy)
        #expect(error?.message.contains("another client holds this monitor") == true)
        #expect(error?.message.contains("-qmp unix:") == true)
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatGreetsAndFallsSilentIsATimeout() async throws {
        let server = try ScriptedServer { peer in
            peer.send(QEMUBehaviour.v10.greeting)
            try peer.waitForEnd()
        }
        let error = await failure {
            _ = try await QMPClient.connect(to: server.address, timeout: .milliseconds(300))
        }
        #expect(error?.code == .timeout)
        #expect(error?.message.contains("handshake") == true)
    }

    @Test(.timeLimit(.minutes(1))) func aConnectionThatIsCancelledEndsAtOnce() async throws {
        let server = try ScriptedServer { try $0.waitForEnd() }
        let address = server.address
        let task = Task { try await QMPClient.connect(to: address, timeout: .seconds(50)) }
        try await Task.sleep(for: .milliseconds(100))
        task.cancel()
        let error = await failure { _ = try await task.value }
        #expect(error?.code == .cancelled)
    }

    @Test(.timeLimit(.minutes(1))) func aClosedClientFailsItsPendingCalls() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v10)
            try peer.waitForEnd()
        }
        let client = try await QMPClient.connect(to: server.address)
        let calls = (0..<5).map { _ in Task { try await client.execute(QueryStatus()) } }
        try await Task.sleep(for: .milliseconds(100))
        await client.close()
        for call in calls {
            let error = await failure { _ = try await call.value }
            #expect(error?.code == .disconnected)
        }
        #expect(client.endReason == nil)
        #expect(client.socketDescriptor == -1)
    }

    @Test(.timeLimit(.minutes(1))) func eventsKeepTheirConnectionOpen() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v7)
            for number in 0..<3 {
                usleep(50_000)
                peer.send(#"{"event": "E", "data": {"n": \#(number)}, "timestamp": {"seconds": 1, "microseconds": 0}}"#)
            }
        }
        struct Number: Decodable { var n: Int }
        var numbers: [Int?] = []
        let error = await failure {
            // Nobody but the sequence holds the client.
            for try await event in try await QMPClient.connect(to: server.address).events() {
                numbers.append(try event.data(as: Number.self)?.n)
            }
        }
        #expect(numbers == [0, 1, 2])
        #expect(error?.code == .disconnected)
    }

    @Test(.timeLimit(.minutes(1))) func aSubscriberThatDoesNotReadLosesTheNewestEvents() async throws {
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v7)
            // Once somebody listens.
            guard let request = try peer.request() else { return }
            for _ in 0..<1500 { peer.send(#"{"event": "E", "timestamp": {"seconds": 1, "microseconds": 0}}"#) }
            peer.send("{\"return\": {}, \"id\": \(request.id)}")
            try peer.waitForEnd()
        }
        try await QMPClient.withConnection(to: server.address) { client in
            let events = client.events()
            _ = try await client.execute(StopGuest())
            await client.close()
            var count = 0
            for try await _ in events { count += 1 }
            #expect(count == 1024)
            #expect(client.droppedEventCount == 1500 - 1024)
        }
    }

    @Test(.timeLimit(.minutes(1))) func aWatcherComesBackWhenTheServerDoes() async throws {
        let lost: @Sendable (ScriptedConnection) throws -> Void = { peer in
            try peer.greet(as: .v7)
            _ = try peer.request()
        }
        let server = try ScriptedServer([
            lost, { _ in }, lost,
            { peer in
                try peer.greet(as: .v10)
                guard let request = try peer.request() else { return }
                peer.send("{\"return\": {\"status\": \"running\", \"running\": true}, \"id\": \(request.id)}")
                try peer.waitForEnd()
            },
        ])
        let attempts = Mutex(0)
        let backoff = Backoff(from: .milliseconds(5), to: .milliseconds(20))
        let status = try await QMPClient.reconnecting(to: server.address, backoff: backoff) { client in
            attempts.withLock { $0 += 1 }
            return try await client.execute(QueryStatus())
        }
        #expect(status.running)
        #expect(attempts.withLock { $0 } == 3, "a connection that never greeted is not shown to the watcher")
        #expect(server.problems.isEmpty)
    }

    @Test(.timeLimit(.minutes(1))) func aWatchersOwnErrorEndsTheWatch() async throws {
        struct Own: Error {}
        let server = try ScriptedServer { peer in
            try peer.greet(as: .v7)
            try peer.waitForEnd()
        }
        await #expect(throws: Own.self) {
            try await QMPClient.reconnecting(to: server.address) { _ in throw Own() }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aServerThatStaysAwayIsGivenUp() async throws {
        let directory = try TemporaryDirectory(prefix: "gone")
        let clock = ContinuousClock()
        let start = clock.now
        let error = await failure {
            _ = try await QMPClient.connect(
                to: .unix(path: directory.file("none.sock")), retryingFor: .milliseconds(300))
        }
        #expect(error?.code == .noSuchSocket)
        #expect(clock.now - start < .seconds(20))
        let wrong = await failure {
            _ = try await QMPClient.connect(
                to: .unix(path: String(repeating: "x", count: 200)), retryingFor: .seconds(60))
        }
        #expect(wrong?.code == .usage, "waiting does not make a path shorter")
    }

    @Test func pausesGrowAndDiffer() {
        var generator = SeededGenerator(seed: 5)
        var backoff = Backoff(from: .milliseconds(100), to: .seconds(1))
        for whole in [100, 200, 400, 800, 1000, 1000] {
            let pause = backoff.next(using: &generator)
            #expect(pause >= .milliseconds(whole) / 2 && pause <= .milliseconds(whole))
        }
        backoff.reset()
        #expect(backoff.next(using: &generator) <= .milliseconds(100))
        var other = Backoff(from: .milliseconds(100), to: .seconds(1))
        #expect(Set((0..<8).map { _ in other.next() }).count == 8)
    }

    @Test(arguments: [
        ("/run/vm/qmp.sock", "/run/vm/qmp.sock"), ("unix:qmp.sock", "qmp.sock"), ("localhost:4444", "localhost:4444"),
        ("tcp:[::1]:4444", "[::1]:4444"), ("./a:1", "./a:1"), ("a:b", "a:b"),
    ]) func addressesAreReadAsPeopleWriteThem(_ text: String, _ description: String) throws {
        #expect(try QMPAddress(text).description == description)
    }

    @Test(arguments: ["", "unix:", "tcp:4444", "tcp:host:0", "tcp:host:70000", "tcp:::1:1", ":1", "unix:\u{0}"])
    func addressesThatMakeNoSenseAreRefused(_ text: String) {
        let error = #expect(throws: TransportError.self) { try QMPAddress(text) }
        #expect(error?.code == .usage)
    }
}
