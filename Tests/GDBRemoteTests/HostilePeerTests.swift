@testable import GDBRemote
import SocketTransport
import Synchronization
import Testing

/// Peers that are broken, slow, silent, or no stubs at all.
@Suite(.serialized, .timeLimit(.minutes(5))) struct HostilePeerTests {
    private static func options(_ milliseconds: Int = 20_000) -> GDBClient.Options {
        var options = GDBClient.Options()
        options.timeout = .milliseconds(milliseconds)
        return options
    }

    private static func failure(_ stub: ScriptedStub, _ options: GDBClient.Options = options()) async -> GDBError? {
        do throws(GDBError) {
            let client = try await GDBClient.connect(to: stub.address, options: options)
            _ = try await client.readMemory(at: 0, count: 64)
            return nil
        } catch {
            return error
        }
    }

    /// A conforming stub that is not QEMU's; `special` answers what a test is about.
    private static func answer(_ packet: String) -> String {
        switch packet {
        case "?": return "S05"
        case "qC": return "QC1"
        default: break
        }
        if packet.hasPrefix("qSupported") { return "PacketSize=100" }
        if packet.hasPrefix("m") {
            let count = packet.split(separator: ",").last.flatMap { HexText.number($0) } ?? 0
            return String(repeating: "5a", count: Int(min(count, 128)))
        }
        return ""
    }

    private static func serve(_ connection: PeerConnection, special: (String) -> String? = { _ in nil }) {
        while let packet = connection.receivePacket() { connection.reply(special(packet) ?? answer(packet)) }
    }

    @Test func aStubThatIsHeldByAnotherDebuggerIsBusy() async throws {
        let stub = try ScriptedStub { connection in while connection.receive() != nil {} }
        let error = await Self.failure(stub, Self.options(300))
        #expect(error?.code == .busy)
        #expect(error?.message.contains("another debugger") == true)
    }

    @Test func aHeldStubIsNotEvenConnectedTo() async throws {
        let connections = Mutex(0)
        let stub = try ScriptedStub { connection in
            connections.withLock { $0 += 1 }
            Self.serve(connection)
        }
        let first = try await GDBClient.connect(to: stub.address)
        let error = await Self.failure(stub, Self.options(300))
        #expect(error?.code == .busy)
        try await first.detach(leavingRunning: false)
        #expect(await Self.failure(stub) == nil)
        #expect(connections.withLock { $0 } == 2)
    }

    @Test func connectionsAreFoundInTheKernelsList() {
        let listing = """
            Num       RefCount Protocol Flags    Type St Inode Path
            0000000000000000: 00000002 00000000 00010000 0001 01  1001 /run/a b.sock
            0000000000000000: 00000003 00000000 00000000 0001 03  1002 /run/held.sock
            0000000000000000: 00000002 00000000 00000000 0001 02     0 /run/queue.sock
            0000000000000000: 00000003 00000000 00000000 0001 03  1003
            """
        for (path, isHeld) in [
            ("/run/a b.sock", false), ("/run/held.sock", true), ("/run/queue.sock", false), ("", false),
        ] {
            #expect(StubOccupancy.hasClient(path, in: Array(listing.utf8)) == isHeld, "\(path)")
        }
    }

    @Test func aConversationMayEndAfterEveryByte() async throws {
        // What a stub says from attaching to a read, of which less and less is heard.
        let replies = [
            "PacketSize=1000;vContSupported+", "ENABLE=1,NOIRQ=2,NOTIMER=4", "QC01", String(repeating: "5a", count: 64),
        ]
        let whole = replies.flatMap { Array("+".utf8) + Packet.encode($0) }
        let length = Mutex(0)
        let stub = try ScriptedStub { connection in
            let limit = length.withLock { $0 }
            var left = limit
            for reply in replies {
                guard connection.receivePacket() != nil else { return }
                let part = (Array("+".utf8) + Packet.encode(reply)).prefix(left)
                connection.send(Array(part))
                left -= part.count
                if left == 0, limit < whole.count { return }
            }
            while connection.receive() != nil {}
        }
        for count in 0..<whole.count {
            length.withLock { $0 = count }
            let error = await Self.failure(stub, Self.options(30_000))
            #expect(error?.code == .disconnected, "after \(count) bytes: \(String(describing: error))")
        }
        length.withLock { $0 = whole.count }
        #expect(await Self.failure(stub, Self.options(30_000)) == nil)
    }

    @Test func garbageIsNoStub() async throws {
        for seed in 1...8 as ClosedRange<UInt64> {
            let stub = try ScriptedStub { connection in
                var generator = SeededGenerator(seed: seed)
                for _ in 0..<200 {
                    connection.send((0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) })
                }
                while connection.receive() != nil {}
            }
            let code = await Self.failure(stub, Self.options(500))?.code
            #expect([.notGDB, .malformed, .busy, .disconnected].contains(code), "\(String(describing: code))")
        }
    }

    @Test func otherServersAreNamed() async throws {
        let qmp = try ScriptedStub { connection in
            connection.send("{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n")
            while connection.receive() != nil {}
        }
        let error = await Self.failure(qmp)
        #expect(error?.code == .notGDB)
        #expect(error?.message.contains("QMP") == true)
        let echo = try ScriptedStub { connection in
            while let bytes = connection.receiveBytes() { connection.send(bytes) }
        }
        #expect(await Self.failure(echo)?.code == .notGDB)
    }

    @Test func endlessPacketsAreCutOff() async throws {
        let stub = try ScriptedStub { connection in
            connection.send("$")
            let block = [UInt8](repeating: 0x61, count: 1 << 20)
            for _ in 0..<12 { connection.send(block) }
            while connection.receive() != nil {}
        }
        #expect(await Self.failure(stub, Self.options(30_000))?.code == .malformed)
    }

    @Test func brokenRepliesAreAskedForAgain() async throws {
        let nacks = Mutex(0)
        let stub = try ScriptedStub { connection in
            var last = ""
            var isBroken = false
            while let incoming = connection.receive() {
                switch incoming {
                case .packet(let packet):
                    last = Self.answer(packet)
                    isBroken.toggle()
                    isBroken ? connection.send("+$\(last)#zz") : connection.reply(last)
                case .nack:
                    nacks.withLock { $0 += 1 }
                    connection.send(Packet.encode(last))
                case .ack, .interrupt: break
                }
            }
        }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(30_000))
        #expect(!client.attachment.isQEMU)
        #expect(try await client.readMemory(at: 0, count: 1000) == [UInt8](repeating: 0x5A, count: 1000))
        #expect(nacks.withLock { $0 } > 3)
        await client.link.close()
    }

    @Test func rejectedPacketsAreSentAgain() async throws {
        let stub = try ScriptedStub { connection in
            var isRejected = false
            while let packet = connection.receivePacket() {
                isRejected.toggle()
                isRejected ? connection.send("-") : connection.reply(Self.answer(packet))
            }
        }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(30_000))
        #expect(try await client.readMemory(at: 0, count: 300) == [UInt8](repeating: 0x5A, count: 300))
        let never = try ScriptedStub { connection in while connection.receivePacket() != nil { connection.send("-") } }
        #expect(await Self.failure(never, Self.options(30_000))?.code == .malformed)
        let wrong = try ScriptedStub { connection in while connection.receive() != nil { connection.send("$OK#00") } }
        #expect(await Self.failure(wrong, Self.options(30_000))?.code == .malformed)
    }

    @Test func brokenRepliesOfAPipelineAreReadAgain() async throws {
        // QEMU's way: acknowledgements, and many requests at once; every fifth reply to a read is damaged.
        let stub = try ScriptedStub { connection in
            var count = 0
            var last: [UInt8] = []
            while let incoming = connection.receive() {
                if incoming == .nack { connection.send(last) }
                guard case .packet(let packet) = incoming else { continue }
                switch packet {
                case _ where packet.hasPrefix("qSupported"): connection.reply("PacketSize=1000;QNonStop-")
                case "qqemu.sstepbits": connection.reply("ENABLE=1,NOIRQ=2,NOTIMER=4")
                case "qC": connection.reply("QC01")
                default:
                    let numbers = packet.dropFirst().split(separator: ",").compactMap { HexText.number($0) }
                    last = Packet.encode(HexText.encode(QEMUModel.memory(numbers[0], Int(numbers[1]))))
                    var bytes = last
                    count += 1
                    if count % 5 == 0 { bytes[7] ^= 1 }
                    connection.send([0x2B] + bytes)
                }
            }
        }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(30_000))
        #expect(try await client.readMemory(at: 9, count: 100_000) == QEMUModel.memory(9, 100_000))
    }

    @Test func aLateReplyIsNotTheNextOnes() async throws {
        let stub = try ScriptedStub { connection in
            var held: [String] = []
            while let packet = connection.receivePacket() {
                if packet == "qHold" {
                    held.append(packet)
                    connection.send("+")
                    continue
                }
                // What was held comes first, too late for who asked.
                for text in held { connection.reply("late \(text)") }
                held.removeAll()
                switch packet {
                case "QStartNoAckMode": connection.reply("OK")
                case _ where packet.hasPrefix("qSupported"): connection.reply("PacketSize=1000;QStartNoAckMode+")
                case _ where packet.hasPrefix("q") && packet.hasSuffix("!"): connection.reply("answer to \(packet)")
                default: connection.reply(Self.answer(packet))
                }
            }
        }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(30_000))
        #expect(!client.attachment.isAcknowledging)
        for round in 0..<3 {
            let error = await #expect(throws: GDBError.self) {
                try await client.request("qHold", timeout: .milliseconds(50))
            }
            #expect(error?.code == .timeout)
            let task = Task { try await client.request("qHold") }
            try await Task.sleep(for: .milliseconds(20))
            task.cancel()
            let cancelled = await #expect(throws: GDBError.self) { try await task.value }
            #expect(cancelled?.code == .cancelled)
            #expect(try await client.request("qA\(round)!") == "answer to qA\(round)!")
        }
    }

    @Test func requestsThatAreNeverAnsweredDoNotShiftTheOthers() async throws {
        let stub = try ScriptedStub { connection in
            while let packet = connection.receivePacket() {
                switch packet {
                case "qLost": continue
                case "QStartNoAckMode": connection.reply("OK")
                case _ where packet.hasPrefix("qSupported"): connection.reply("PacketSize=1000;QStartNoAckMode+")
                case _ where packet.hasSuffix("!"): connection.reply("answer to \(packet)")
                default: connection.reply(Self.answer(packet))
                }
            }
        }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(30_000))
        for round in 0..<3 {
            await #expect(throws: GDBError.self) { try await client.request("qLost", timeout: .milliseconds(30)) }
            await #expect(throws: GDBError.self) { try await client.request("qLost", timeout: .milliseconds(30)) }
            #expect(try await client.request("qB\(round)!") == "answer to qB\(round)!")
            #expect(try await client.readMemory(at: 0, count: 100) == [UInt8](repeating: 0x5A, count: 100))
        }
    }

    @Test func aReadThatGetsNoReplyEndsInTime() async throws {
        let stub = try ScriptedStub { connection in Self.serveUntilFirstRead(connection) }
        let client = try await GDBClient.connect(to: stub.address, options: Self.options(2000))
        let error = await #expect(throws: GDBError.self) { try await client.readMemory(at: 0, count: 100_000) }
        #expect(error?.code == .timeout)
    }

    private static func serveUntilFirstRead(_ connection: PeerConnection) {
        while let packet = connection.receivePacket() {
            if packet.hasPrefix("m") { break }
            connection.reply(answer(packet))
        }
        while connection.receive() != nil {}
    }

    @Test func aCancelledReadLeavesTheConnectionUsable() async throws {
        let model = QEMUModel(.v10, isRunning: false)
        let stub = try ScriptedStub(model.serve)
        let client = try await GDBClient.connect(to: stub.address)
        for delay in [0, 1, 3, 10, 20] {
            let task = Task { try await client.readMemory(at: 0, count: 8 << 20) }
            try await Task.sleep(for: .milliseconds(delay))
            task.cancel()
            let outcome = await task.result
            if case .failure(let error as GDBError) = outcome { #expect(error.code == .cancelled) }
            #expect(try await client.readMemory(at: 11, count: 5000) == QEMUModel.memory(11, 5000))
        }
    }

    @Test(arguments: [MemoryForm.markedBytes, .plainBytes])
    func memoryAsBytesIsUsedWhereOffered(_ form: MemoryForm) async throws {
        let reads = Mutex<[String]>([])
        let stub = try ScriptedStub { connection in
            while let packet = connection.receivePacket() {
                guard packet.hasPrefix("x"), packet != "x0,0" else {
                    switch packet {
                    case _ where packet.hasPrefix("qSupported"):
                        connection.reply("PacketSize=200" + (form == .markedBytes ? ";binary-upload+" : ""))
                    case "x0,0": connection.reply("OK")
                    default: connection.reply(Self.answer(packet))
                    }
                    continue
                }
                reads.withLock { $0.append(packet) }
                let numbers = packet.dropFirst().split(separator: ",").compactMap { HexText.number($0) }
                // Fewer than asked for, as a stub does whose packet is full of escapes.
                let memory = QEMUModel.memory(numbers[0], min(Int(numbers[1]), 200))
                connection.send([0x2B] + Packet.encode((form == .markedBytes ? [0x62] : []) + memory))
            }
        }
        let client = try await GDBClient.connect(to: stub.address)
        #expect(client.attachment.memoryForm == form)
        #expect(try await client.readMemory(at: 0x2323, count: 3000) == QEMUModel.memory(0x2323, 3000))
        #expect(reads.withLock { $0.count } >= 15)
    }

    @Test func shortRepliesAreCompleted() async throws {
        let stub = try ScriptedStub { connection in
            while let packet = connection.receivePacket() {
                guard packet.hasPrefix("m") else {
                    connection.reply(Self.answer(packet))
                    continue
                }
                let numbers = packet.dropFirst().split(separator: ",").compactMap { HexText.number($0) }
                let memory = QEMUModel.memory(numbers[0], max(1, Int(numbers[1]) / 2))
                connection.send([0x2B] + Packet.encode(HexText.encode(memory)))
            }
        }
        let client = try await GDBClient.connect(to: stub.address)
        #expect(try await client.readMemory(at: 5, count: 2000) == QEMUModel.memory(5, 2000))
    }

    @Test func aDescriptionWithoutEndIsRefused() async throws {
        let stub = try ScriptedStub { connection in
            Self.serve(connection) { packet in
                if packet.hasPrefix("qSupported") { return "PacketSize=8000;qXfer:features:read+" }
                return packet.hasPrefix("qXfer") ? "m" + String(repeating: " ", count: 0x7000) : nil
            }
        }
        let client = try await GDBClient.connect(to: stub.address)
        let error = await #expect(throws: GDBError.self) { try await client.targetDescription() }
        #expect(error?.code == .malformed)
    }

    @Test func aListOfThreadsWithoutEndIsRefused() async throws {
        let stub = try ScriptedStub { connection in
            Self.serve(connection) {
                $0.hasSuffix("ThreadInfo") ? "m" + String(repeating: "1,", count: 4000) + "2" : nil
            }
        }
        let client = try await GDBClient.connect(to: stub.address)
        let error = await #expect(throws: GDBError.self) { try await client.threads() }
        #expect(error?.code == .malformed)
    }

    @Test func addressesThatLeadNowhereAreNamed() async throws {
        let missing = await #expect(throws: GDBError.self) {
            try await GDBClient.connect(to: .unix(path: "/nonexistent/gdb.sock"))
        }
        #expect(missing?.code == .noSuchSocket)
        let refused = await #expect(throws: GDBError.self) {
            try await GDBClient.connect(to: .tcp(host: "127.0.0.1", port: 1))
        }
        #expect(refused?.code == .refused)
    }

    @Test func aClientThatIsDroppedClosesItsSocket() async throws {
        let hasEnded = Mutex(false)
        let stub = try ScriptedStub { connection in
            Self.serve(connection)
            hasEnded.withLock { $0 = true }
        }
        _ = try await GDBClient.connect(to: stub.address)
        for _ in 0..<500 where !hasEnded.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
        #expect(hasEnded.withLock { $0 })
    }
}
