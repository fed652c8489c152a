@testable import GDBRemote
import Testing

/// Monitor commands that the proxy answers itself.
@Suite struct ProxyCommandTests {
    private static func opened() -> ProxyModel {
        var model = ProxyModel()
        model.open(1)
        model.stub.packets.removeAll()
        return model
    }

    private static func console(_ text: String) -> String {
        "O" + String(decoding: HexText.encode(text.utf8), as: UTF8.self)
    }

    @Test func theOutputComesAsConsoleTextAndThenOK() {
        var model = Self.opened()
        #expect(model.ask(1, MonitorLine.packet("fi  frame 0x1000 ")) == [])
        #expect(model.commands.map(\.line) == ["frame 0x1000 "])
        #expect(model.commands.map(\.guest) == [.stopped])
        model.finish(1, "one\n", String(repeating: "x", count: 1500))
        let packets = model.packets(1)
        #expect(packets.first == Self.console("one\n"))
        #expect(packets.dropFirst().map(\.count) == [2049, 953, 2])
        #expect(packets.last == "OK")
        #expect(model.stub.packets.isEmpty, "QEMU hears nothing of it")
    }

    @Test(arguments: ["info version", "fidelity", "help fi", "x fi"]) func otherCommandsGoToQEMU(_ line: String) {
        var model = Self.opened()
        _ = model.ask(1, MonitorLine.packet(line))
        #expect(model.commands.isEmpty)
        #expect(model.stub.packets == [MonitorLine.packet(line)])
    }

    @Test func aSilentCommandShowsThatItIsWorkedOn() {
        var model = Self.opened()
        _ = model.ask(1, MonitorLine.packet("fi audit"))
        model.wait(milliseconds: 1100)
        model.wait(milliseconds: 100)
        model.wait(milliseconds: 1100)
        #expect(model.packets(1) == ["O", "O"])
    }

    @Test func theStubIsReadMeanwhileAndTheControllersModesComeBack() {
        var model = Self.opened()
        _ = model.ask(1, MonitorLine.packet("fi frame 0"))
        model.open(2, isPrivate: true)
        #expect(model.ask(2, "Qqemu.PhyMemMode:1") == ["OK"])
        #expect(model.ask(2, "m0,2") == ["ff01"])
        #expect(model.ask(2, MonitorLine.packet("info version")).last == "OK")
        model.leave(2)
        model.finish(1)
        #expect(model.ask(1, "m0,2") == ["aa01"])
    }

    @Test func whatTheControllerSendsMeanwhileWaits() {
        var model = Self.opened()
        _ = model.ask(1, MonitorLine.packet("fi frame 0"))
        #expect(model.ask(1, "m0,2") == [])
        model.finish(1, "text")
        #expect(model.packets(1) == [Self.console("text"), "OK", "aa01"])
    }

    @Test func anInterruptionEndsTheCommandAndDoesNotReachQEMU() {
        var model = Self.opened()
        _ = model.ask(1, MonitorLine.packet("fi audit"))
        model.send(1, [0x03])
        #expect(model.cancelled == [1])
        #expect(model.stub.packets.isEmpty)
        model.finish(1)
        #expect(model.packets(1) == ["OK"])
    }

    @Test func aClientThatLeavesEndsItsCommand() {
        var model = Self.opened()
        model.open(2)
        _ = model.ask(2, MonitorLine.packet("fi summary"))
        model.leave(2)
        #expect(model.cancelled == [1])
        model.finish(1, "late")
        #expect(model.ask(1, "m0,2") == ["aa01"])
    }

    @Test func watchersAskWhileTheGuestRunsAndAreToldSo() {
        var model = Self.opened()
        model.open(2)
        _ = model.ask(1, "vCont;c")
        _ = model.ask(2, MonitorLine.packet("fi summary"))
        #expect(model.commands.map(\.guest) == [.running])
        model.finish(1)
        #expect(model.packets(2) == ["OK"])
        model.send(1, [0x03])
        _ = model.ask(1, "D;1")
        model.leave(1)
        _ = model.ask(2, MonitorLine.packet("fi summary"))
        #expect(model.commands.map(\.guest) == [.running, .unattached])
    }
}
