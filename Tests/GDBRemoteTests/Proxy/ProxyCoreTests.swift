@testable import GDBRemote
import Testing

/// What the proxy does, without sockets: events in, bytes out.
@Suite struct ProxyCoreTests {
    private static func opened(_ stub: StubModel = StubModel(), fragment: Int = .max) -> ProxyModel {
        var model = ProxyModel(stub)
        model.fragment = fragment
        model.open(1)
        model.stub.packets.removeAll()
        return model
    }

    private static func monitor(_ line: String) -> String { MonitorLine.packet(line) }

    @Test(arguments: [1, 2, 3, 7, 1 << 20]) func survivesEveryFragmentation(_ fragment: Int) {
        var model = Self.opened(fragment: fragment)
        #expect(model.ask(1, "qSupported:multiprocess+") == ["PacketSize=1000;multiprocess+"])
        #expect(model.ask(1, "m1000,2") == ["aa01"])
        #expect(model.ask(1, Self.monitor("info status")).count == 2)
        #expect(model.ask(1, "Z0,1000,1") == ["OK"])
        #expect(model.ask(1, "vCont;c") == [])
        model.send(1, [0x03])
        #expect(model.packets(1) == ["T02thread:01;"])
        #expect(model.stub.packets.last == "vCont;c")
    }

    @Test func packetsOfTheControllerGoThroughAsTheyAre() {
        var model = Self.opened()
        // Escaped and not, with bytes of all kinds: nothing is encoded anew.
        let payload: [UInt8] = Array("X1000,5:".utf8) + [0x7D, 0x03, 0x00, 0xFF, 0x2A, 0x7D, 0x5D]
        let sum = payload.reduce(UInt8(0), &+)
        let packet: [UInt8] =
            [0x24] + payload + [0x23, HexText.digit(sum >> 4), HexText.digit(sum & 15)]
        model.core.clientOpened(9, isPrivate: false)
        _ = model.core.drain()
        packet.withUnsafeBytes { model.core.clientSent(1, $0) }
        let sent = model.core.drain().compactMap { action -> [UInt8]? in
            if case .toStub(let bytes) = action { bytes } else { nil }
        }.flatMap { $0 }
        #expect(Array(sent.drop { $0 == Packet.ack }) == packet)
    }

    @Test func aStopThatTheStubAnnouncesComesBeforeTheFirstAcknowledgement() {
        var model = ProxyModel(.running)
        model.isStubSilent = true
        model.open(1)
        model.send(1, Packet.encode("qSupported"))
        #expect(model.take(1) == "", "nothing before the stub is there")
        // What is sent again because the acknowledgement is late is one packet.
        model.send(1, Packet.encode("qSupported"))
        model.isStubSilent = false
        model.settle()
        #expect(model.take(1).hasPrefix("$T02thread:01;#04+$PacketSize"))
        #expect(model.stub.packets.filter { $0 == "qSupported" }.count == 1)
    }

    @Test func lldbIsSparedAnAnnouncedStop() {
        var model = ProxyModel(.running)
        model.open(1)
        #expect(model.ask(1, "QStartNoAckMode") == [""])
        #expect(model.ask(1, "qSupported") == ["PacketSize=1000;multiprocess+"])
    }

    @Test func aStopThatNobodyWaitsForIsNoAnswer() {
        var model = Self.opened()
        model.isStubSilent = true
        model.send(1, Packet.encode("m0,2"))
        _ = model.take(1)
        // Somebody resumed the guest, and our packet stopped it.
        model.stub.replies.insert("T02thread:01;", at: 0)
        model.isStubSilent = false
        model.settle()
        #expect(model.packets(1) == ["aa01"])
    }

    @Test func brokenPacketsAreAskedForAgainOnEachHop() {
        var model = Self.opened()
        model.send(1, Array("$m0,2#00".utf8))
        #expect(model.take(1) == "-")
        #expect(model.stub.packets.isEmpty)
        _ = model.ask(1, "m0,2")
        model.send(1, [Packet.nack])
        #expect(model.packets(1) == ["aa01"], "the last answer once more")
        model.send(1, [Packet.ack])
        model.send(1, [Packet.nack])
        #expect(model.take(1) == "", "nothing that came well is sent again")
        #expect(model.stub.packets == ["m0,2"])
    }

    @Test func watchersHaveTheirOwnThreadAndMode() {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(2, "Hg2") == ["OK"])
        #expect(model.ask(2, "Qqemu.PhyMemMode:1") == ["OK"])
        #expect(model.ask(2, "m0,2") == ["ff02"])
        #expect(model.ask(1, "m0,2") == ["aa01"])
        #expect(model.ask(1, "qqemu.PhyMemMode") == ["0"])
        #expect(model.ask(2, "qqemu.PhyMemMode") == ["1"])
        #expect(model.ask(2, "g") == ["002f"])
        #expect(model.ask(1, "Hg2") == ["OK"])
        #expect(model.ask(2, "Hg9") == ["E22"])
        #expect(model.ask(2, "m0,2") == ["ff02"])
        #expect(model.ask(1, "g") == ["002a"])
        #expect(model.ask(2, "Hg-1") == ["OK"])
        #expect(model.ask(2, "m0,2") == ["ff02"], "-1 selects nothing, as with QEMU")
    }

    @Test func theThreadThatStoppedIsTheControllersNextOne() {
        var model = Self.opened()
        model.open(2)
        _ = model.ask(1, "vCont;c")
        model.stub.thread = 2
        model.hit("T05thread:02;")
        #expect(model.packets(1) == ["T05thread:02;"])
        #expect(model.ask(2, "?") == ["T05thread:02;"])
        #expect(model.ask(2, "Hg1") == ["OK"])
        #expect(model.ask(2, "m0,2") == ["aa01"])
        #expect(model.ask(1, "m0,2") == ["aa02"])
    }

    @Test(arguments: [
        "c", "s", "C05", "vCont;c", "vCont;s:1", "M0,1:00", "X0,1:a", "G00", "P0=00", "Z0,0,1", "z0,0,1", "bc", "R0",
        "F0",
        "Qqemu.sstep=1", "vRun;", "qRcmd,636f6e74", "qRcmd,71756974", "qRcmd,696e666f0a63",
    ]) func watchersAreRefusedWhatChangesTheGuest(_ packet: String) {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(2, packet).first?.hasPrefix("E.") == true)
        #expect(model.stub.packets.isEmpty)
    }

    @Test(arguments: ["D", "D;1"]) func aWatcherThatDetachesResumesNothing(_ packet: String) {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(2, packet) == ["OK"])
        model.leave(2)
        #expect(model.stub.packets.isEmpty)
        #expect(model.ask(1, "m0,2") == ["aa01"])
    }

    @Test(arguments: ["k", "vKill;1"]) func aWatcherThatKillsOnlyLeaves(_ packet: String) {
        var model = Self.opened()
        model.open(2)
        _ = model.ask(2, packet)
        #expect(model.closed == [2])
        #expect(!model.stub.isGone)
        var other = Self.opened()
        _ = other.ask(1, "k")
        #expect(other.stub.isGone, "the controller's goes through")
    }

    @Test func watchersAreToldThatTheGuestRunsAndSendNothing() {
        var model = Self.opened()
        model.open(2)
        _ = model.ask(1, "vCont;c")
        #expect(model.ask(2, "m0,2") == ["E01"])
        #expect(model.ask(2, "qfThreadInfo") == ["E01"])
        #expect(model.ask(2, "qinspectd.Proxy") == ["role:watcher;guest:running;process:0"])
        #expect(model.stub.isRunning)
        model.send(2, [0x03])
        #expect(model.stub.isRunning, "nor does a watcher's interruption")
        model.send(1, [0x03])
        #expect(model.packets(1) == ["T02thread:01;"])
        #expect(model.ask(2, "m0,2") == ["aa01"])
    }

    @Test func aGuestThatTheMonitorResumedIsLeftAlone() {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(1, Self.monitor("cont")).last == "OK")
        #expect(model.ask(2, "m0,2") == ["E01"])
        #expect(model.stub.isRunning)
        // The controller's next packet stops it, as directly at QEMU, and is not lost.
        #expect(model.ask(1, "m0,2") == ["aa01"])
        #expect(model.ask(2, "m0,2") == ["aa01"])
    }

    @Test func packetsThatComeWhileTheGuestRunsWait() {
        var model = Self.opened()
        _ = model.ask(1, "vCont;c")
        #expect(model.ask(1, "m0,2") == [])
        #expect(model.stub.isRunning)
        model.hit("T05thread:01;")
        #expect(model.packets(1) == ["T05thread:01;", "aa01"])
    }

    @Test func listsOfThreadsDoNotMix() {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(1, "qfThreadInfo") == ["m01"])
        #expect(model.ask(2, "qfThreadInfo") == [], "the controller is in the middle of its list")
        #expect(model.ask(1, "qsThreadInfo") == ["m02"])
        #expect(model.ask(1, "qsThreadInfo") == ["l"])
        #expect(model.packets(2) == ["m01"])
        #expect(model.ask(2, "qsThreadInfo") == ["m02"])
        #expect(model.ask(1, "qfThreadInfo") == ["m01"])
        #expect(model.ask(2, "qsThreadInfo") == ["l"])
        #expect(model.ask(1, "qsThreadInfo") == ["m02"])
    }

    @Test func aQuestionThatQEMUIgnoresStallsNobody() {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(2, "qThreadExtraInfo,1") == ["61"])
        #expect(model.ask(2, "qThreadExtraInfo,pa410.1") == ["E22"])
        #expect(model.ask(1, "m0,2") == ["aa01"])
        #expect(model.ask(1, "qThreadExtraInfo,9") == ["E22"])
        #expect(model.ask(1, "qC") == ["QC01"])
        #expect(model.ask(2, "m0,2") == ["aa01"])
    }

    @Test func watchersNameProcessesWhereTheStubDoes() {
        var model = Self.opened()
        model.open(2)
        #expect(model.ask(2, "qSupported:multiprocess+") == ["PacketSize=1000"])
        #expect(!model.stub.usesProcesses)
        _ = model.ask(1, "qSupported:swbreak+;multiprocess+")
        #expect(model.ask(2, "qSupported:multiprocess+") == ["PacketSize=1000;multiprocess+"])
    }

    @Test func packetsThatCrashQEMUAreAnsweredHere() {
        var model = Self.opened()
        #expect(model.ask(1, "bc") == [""])
        #expect(model.ask(1, "bs") == [""])
        #expect(model.ask(1, "D;7") == ["E22"])
        #expect(model.stub.packets.isEmpty)
        // As LLDB writes it.
        #expect(model.ask(1, "D;0000000000000001") == ["OK"])
        #expect(model.stub.isRunning)
    }

    @Test func aStubThatIsSilentIsGivenUp() {
        var model = ProxyModel()
        model.isStubSilent = true
        model.open(1)
        model.wait(milliseconds: 6000)
        #expect(model.closed == [1])
        #expect(model.logs.contains { $0.contains("another debugger holds it") })
        model.isStubSilent = false
        model.open(2)
        #expect(model.ask(2, "m0,2") == ["aa01"])
    }

    @Test func aStubThatGoesEndsAllClients() {
        var model = Self.opened()
        model.open(2)
        model.loseStub()
        #expect(model.closed == [1, 2])
        model.open(3)
        #expect(model.ask(3, "m0,2") == ["aa01"], "a new one is connected to")
    }

    @Test func clientsThatSpeakNonsenseOrFloodAreLetGo() {
        var model = Self.opened()
        model.send(1, [UInt8](repeating: 0x41, count: 5000))
        #expect(model.closed == [1])
        model.open(2)
        model.isStubSilent = true
        model.send(2, (0..<5000).flatMap { _ in Packet.encode("m0,2") })
        #expect(model.closed == [1, 2])
        model.isStubSilent = false
        model.settle()
        model.open(3)
        model.send(3, [0x24] + [UInt8](repeating: 0x41, count: 2 << 20))
        #expect(model.closed == [1, 2, 3])
        #expect(model.logs.filter { $0.contains("was let go") }.count == 3)
    }
}
