@testable import GDBRemote

/// QEMU's stub, as a proxy sees it: one connection, two processors, modes that outlive it.
struct StubModel {
    var isRunning = false
    var isPhysical = false
    var usesProcesses = false
    var breakpoints: [String] = []
    /// The processor of `g`, `p` and `m`.
    var thread = 1
    /// Whether the stub says by itself that connecting stopped the guest.
    var announces = true
    var isGone = false
    /// Packets that came, without those of the proxy's greeting.
    var packets: [String] = []
    /// Acknowledgements and stray bytes since the last packet.
    var replies: [String] = []
    var threadsLeft: [String] = []
    private var cutter = RawPacketCutter()

    /// A stub whose guest runs.
    static var running: StubModel {
        var stub = StubModel()
        stub.isRunning = true
        return stub
    }

    mutating func connect() {
        cutter = RawPacketCutter()
        replies = isRunning && announces ? ["T02thread:01;"] : []
        isRunning = false
        thread = 1
    }

    mutating func disconnect() { replies = [] }

    mutating func takeReplies() -> [UInt8] {
        defer { replies = [] }
        return replies.flatMap { $0.hasPrefix("+") ? Array($0.utf8) : Packet.encode($0) }
    }

    mutating func receive(_ bytes: [UInt8]) {
        var events: [RawPacketCutter.Event] = []
        for byte in bytes {
            if isRunning {
                // Any byte stops it and is lost.
                isRunning = false
                if byte != 0x2B { replies.append("T02thread:01;") } else { packets.append("(stopped by +)") }
                continue
            }
            try? [byte].withUnsafeBytes { try cutter.receive($0) { events.append($0) } }
            for case .packet(let packet) in events {
                packets.append(packet.text)
                replies.append("+")
                if let reply = answer(packet.text) { replies.append(reply) }
            }
            events.removeAll()
        }
    }

    private mutating func answer(_ packet: String) -> String? {
        switch packet {
        case "qqemu.PhyMemMode": return isPhysical ? "1" : "0"
        case "qC": return usesProcesses ? "QCp01.01" : "QC01"
        case "?":
            breakpoints.removeAll()
            return "T05thread:01;"
        case "vCont;c", "c":
            isRunning = true
            return nil
        case "D;1", "D;0000000000000001":
            breakpoints.removeAll()
            isRunning = true
            return "OK"
        case "silence": return nil
        case "k":
            isGone = true
            return nil
        case "qThreadExtraInfo,1": return "61"
        case "qfThreadInfo":
            threadsLeft = ["m02", "l"]
            return "m01"
        case "qsThreadInfo": return threadsLeft.isEmpty ? "l" : threadsLeft.removeFirst()
        case "g": return "00\(thread)\(isPhysical ? "f" : "a")"
        default: break
        }
        if packet.hasPrefix("qThreadExtraInfo,") { return nil }
        if packet.hasPrefix("qSupported") {
            usesProcesses = usesProcesses || packet.contains("multiprocess+")
            return "PacketSize=1000;multiprocess+"
        }
        if packet.hasPrefix("Qqemu.PhyMemMode:") {
            isPhysical = packet.hasSuffix("1")
            return "OK"
        }
        if packet.hasPrefix("Hg") {
            guard let number = Int(packet.dropFirst(2)), (1...2).contains(number) else { return "E22" }
            thread = number
            return "OK"
        }
        if packet.hasPrefix("Z") {
            breakpoints.append(String(packet.dropFirst()))
            return "OK"
        }
        if packet.hasPrefix("z") {
            breakpoints.removeAll { $0 == packet.dropFirst() }
            return "OK"
        }
        if packet.hasPrefix("m") { return isPhysical ? "ff0\(thread)" : "aa0\(thread)" }
        if let line = MonitorLine(RawPacket(packet)) {
            let text = line.text == "info version" ? "7.2.0" : "VM status: paused"
            if line.text == "cont" { isRunning = true }
            replies.append("O" + String(decoding: HexText.encode(text.utf8), as: UTF8.self))
            return "OK"
        }
        return ""
    }
}
