@testable import GDBRemote
import Testing

/// How the proxy leaves the guest, wherever a client stops.
@Suite struct ProxyLeavingTests {
    /// A session up to its end, byte by byte: a breakpoint, physical mode, a run.
    private static let session: [UInt8] =
        ["qSupported:multiprocess+", "?", "Z0,1000,1", "Z1,2000,1", "Qqemu.PhyMemMode:1", "m0,2", "vCont;c"].flatMap {
            Packet.encode($0)
        }

    @Test(arguments: [true, false]) func aClientThatVanishesAtAnyByteLeavesTheGuestAsItWas(_ ran: Bool) {
        for count in 0...Self.session.count {
            var stub = StubModel()
            stub.isRunning = ran
            var model = ProxyModel(stub)
            model.open(1)
            model.send(1, Array(Self.session.prefix(count)))
            model.leave(1)
            #expect(model.stub.isRunning == ran, "after \(count) bytes")
            #expect(model.stub.breakpoints.isEmpty, "after \(count) bytes")
            #expect(!model.stub.isPhysical, "after \(count) bytes")
            #expect(model.core.state == .closed)
        }
    }

    @Test(arguments: [true, false]) func theProxysEndLeavesTheGuestAsItWas(_ ran: Bool) {
        for count in 0...Self.session.count {
            var stub = StubModel()
            stub.isRunning = ran
            var model = ProxyModel(stub)
            model.open(1)
            model.open(2)
            model.send(1, Array(Self.session.prefix(count)))
            model.end()
            #expect(model.closed == [1, 2])
            #expect(model.stub.isRunning == ran && model.stub.breakpoints.isEmpty && !model.stub.isPhysical)
            #expect(model.core.state == .closed)
        }
    }

    @Test func whatQMPSaysOfTheGuestCounts() {
        var stub = StubModel()
        stub.announces = false
        for ran in [true, false] {
            stub.isRunning = ran
            var model = ProxyModel(stub)
            model.ran = ran
            model.open(1)
            model.leave(1)
            #expect(model.stub.isRunning == ran)
        }
    }

    @Test func aClientThatDisconnectsOnPurposeLeavesTheStubAsDirectly() {
        var model = ProxyModel(.running)
        model.open(1)
        _ = model.ask(1, "Z0,1000,1")
        _ = model.ask(1, "Qqemu.PhyMemMode:1")
        model.open(2)
        _ = model.ask(2, "m0,2")
        model.leave(1, isDeliberate: true)
        #expect(!model.stub.isRunning)
        #expect(model.stub.breakpoints == ["0,1000,1"])
        #expect(model.stub.isPhysical)
        // In the middle of a packet nobody leaves on purpose.
        var other = ProxyModel(.running)
        other.open(1)
        other.send(1, Array("$m10".utf8))
        other.leave(1, isDeliberate: true)
        #expect(other.stub.isRunning)
    }

    @Test func detachingResumesAndTheNextClientStartsAnew() {
        var model = ProxyModel()
        model.open(1)
        _ = model.ask(1, "Z0,1000,1")
        #expect(model.ask(1, "D;1") == ["OK"])
        model.leave(1)
        #expect(model.stub.isRunning)
        #expect(!model.stub.packets.contains("(stopped by +)"))
        model.open(2)
        _ = model.ask(2, "qSupported")
        #expect(model.connections == 2)
        #expect(model.ask(2, "m0,2") == ["aa01"])
        model.leave(2)
        #expect(model.stub.isRunning)
    }

    @Test func aClientThatComesMeanwhileWaitsUntilTheGuestIsPutBack() {
        var model = ProxyModel(.running)
        model.open(1)
        _ = model.ask(1, "Z0,1000,1")
        model.isStubSilent = true
        model.leave(1)
        model.open(2)
        model.send(2, Packet.encode("qSupported"))
        #expect(model.connections == 1)
        model.isStubSilent = false
        model.settle()
        #expect(model.connections == 2)
        #expect(model.packets(2).last == "PacketSize=1000;multiprocess+")
        #expect(model.stub.breakpoints.isEmpty)
    }

    @Test func aStubThatDoesNotAnswerIsGivenUp() {
        var model = ProxyModel(.running)
        model.open(1)
        model.isStubSilent = true
        model.leave(1)
        model.wait(milliseconds: 6000)
        #expect(model.core.state == .closed)
        #expect(model.logs.contains { $0.contains("could not be put back") })
    }

    @Test func anAnswerThatNeverComesKeepsNobodyFromPuttingTheGuestBack() {
        var model = ProxyModel(.running)
        model.open(1)
        _ = model.ask(1, "Z0,1000,1")
        #expect(model.ask(1, "silence") == [])
        model.leave(1)
        #expect(!model.stub.isRunning)
        model.wait(milliseconds: 6000)
        #expect(model.stub.isRunning)
        #expect(model.stub.breakpoints.isEmpty)
        #expect(model.core.state == .closed)
    }

    @Test func watchersLeaveNoTrace() {
        var model = ProxyModel(.running)
        model.open(1)
        _ = model.ask(1, "qSupported")
        model.open(2)
        for packet in ["qSupported:multiprocess+", "?", "Hg2", "Qqemu.PhyMemMode:1", "m0,2"] {
            _ = model.ask(2, packet)
        }
        #expect(!model.stub.usesProcesses)
        for count in 0..<Self.session.count {
            model.open(3)
            model.send(3, Array(Self.session.prefix(count)))
            model.leave(3)
        }
        model.leave(2)
        #expect(model.ask(1, "m0,2") == ["aa01"])
        #expect(model.stub.breakpoints.isEmpty)
        #expect(!model.stub.packets.contains("?"))
    }

    @Test(arguments: [
        (true, "7.2.0", "VM status: paused", true), (false, "7.2.0", "VM status: paused", false),
        (false, "10.0.2", "VM status: paused", true), (false, "11.1.0", "VM status: paused (prelaunch)", false),
        (false, "", "", true), (false, "8.2.1", "VM status: paused (debug)", true),
    ]) func whatTheGuestDidBeforeIsWorkedOut(_ saidStop: Bool, _ version: String, _ status: String, _ ran: Bool) {
        #expect(PriorRunState.ran(saidStop: saidStop, version: version, status: status) == ran)
    }
}
