@testable import GDBRemote
import Synchronization

/// Answers as the stub of a QEMU does; what differs between the versions was recorded from each.
final class QEMUModel: Sendable {
    enum Version: Int, CaseIterable, Sendable {
        case v7 = 7
        case v10 = 10
        case v11 = 11
    }

    /// What outlives a connection, and what the machine does.
    struct State {
        var isRunning: Bool
        var isPhysical = false
        var usesProcesses = false
        var breakpoints: [String] = []
        var packets: [String] = []
        var hasReadDescription = false
        /// Whether the stub let the guest run, so that it says when it stops.
        var announcesStop = false
        var connection: PeerConnection?
        /// Whether the last reply was not acknowledged yet.
        var awaitsAck = false
    }

    static let ramSize: UInt64 = 16 << 20
    let version: Version
    let state: Mutex<State>

    init(_ version: Version, isRunning: Bool) {
        self.version = version
        state = Mutex(State(isRunning: isRunning))
    }

    var packets: [String] { state.withLock { $0.packets } }
    var isRunning: Bool { state.withLock { $0.isRunning } }
    private var packetSize: UInt64 { version == .v11 ? 0x20020 : 0x1000 }

    static func byte(at address: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: address ^ address >> 8 &* 3 ^ address >> 16 &* 7)
    }

    static func memory(_ address: UInt64, _ count: Int) -> [UInt8] {
        (0..<UInt64(count)).map { byte(at: address + $0) }
    }

    /// What QMP's `cont` does: the stub hears nothing of it.
    func contFromMonitor() { state.withLock { $0.isRunning = true } }

    /// What QMP's `stop` does.
    func stopFromMonitor() {
        state.withLock { state in
            guard state.isRunning else { return }
            state.isRunning = false
            if version == .v7 || state.announcesStop { state.connection?.send(Packet.encode("T02thread:01;")) }
            state.announcesStop = false
        }
    }

    /// A breakpoint is hit.
    func hit(_ stop: String) {
        state.withLock { state in
            state.isRunning = false
            state.announcesStop = false
            state.connection?.send(Packet.encode(stop))
        }
    }

    private func hitIfRunning() { if isRunning { hit("T02thread:01;") } }

    func serve(_ connection: PeerConnection) {
        state.withLock { state in
            state.connection = connection
            state.hasReadDescription = false
            if state.isRunning, version == .v7 { connection.send(Packet.encode("T02thread:01;")) }
            state.isRunning = false
            state.announcesStop = false
        }
        while var bytes = connection.receiveBytes() {
            // While the guest runs, a byte stops it and is gone; an acknowledgement that is awaited does not count.
            state.withLock { state in
                while state.isRunning, !bytes.isEmpty {
                    let first = bytes.removeFirst()
                    if state.awaitsAck {
                        if first == 0x2B || first == 0x24 { state.awaitsAck = false }
                        if first != 0x24 { continue }
                    }
                    state.isRunning = false
                    if version == .v7 || first == 0x03 { connection.send(Packet.encode("T02thread:01;")) }
                    state.announcesStop = false
                }
            }
            connection.feed(bytes)
            while let incoming = connection.next() {
                // It came right behind the packet that let the guest run.
                if incoming == .interrupt { hitIfRunning() }
                guard case .packet(let packet) = incoming else { continue }
                let reply = state.withLock { state -> String? in
                    state.packets.append(packet)
                    let text = answer(packet, &state)
                    state.awaitsAck = text != nil
                    return text
                }
                if let reply { connection.reply(reply) } else { connection.send("+") }
            }
        }
        state.withLock { $0.connection = nil }
    }

    private func answer(_ packet: String, _ state: inout State) -> String? {
        func hex(_ text: String) -> String { String(decoding: HexText.encode(text.utf8), as: UTF8.self) }
        switch packet {
        case "qqemu.sstepbits": return "ENABLE=1,NOIRQ=2,NOTIMER=4"
        case "qC": return state.usesProcesses ? "QCp01.01" : "QC01"
        case "qqemu.PhyMemMode": return state.isPhysical ? "1" : "0"
        case "vCont?": return "vCont;c;C;s;S"
        case "qfThreadInfo": return state.usesProcesses ? "mp01.01" : "m01"
        case "qsThreadInfo": return "l"
        case "vCont;c":
            state.isRunning = true
            state.announcesStop = true
            return nil
        case "g":
            return String(repeating: "0", count: 16) + "efbeadde00000000"
        case "p1": return version == .v7 && !state.hasReadDescription ? "" : "efbeadde00000000"
        case "D", "D;1":
            if packet == "D", state.usesProcesses { return "E22" }
            state.breakpoints.removeAll()
            state.isRunning = true
            return "OK"
        default: break
        }
        if packet.hasPrefix("qSupported") {
            if packet.contains("multiprocess+") { state.usesProcesses = true }
            return "PacketSize=\(HexText.text(packetSize));qXfer:features:read+;vContSupported+;multiprocess+"
        }
        if packet.hasPrefix("Qqemu.PhyMemMode:") {
            state.isPhysical = packet.hasSuffix("1")
            return "OK"
        }
        if packet.hasPrefix("qXfer:features:read:target.xml:") {
            state.hasReadDescription = true
            return "l<target><architecture>i386:x86-64</architecture><!-- <reg name=\"no\" bitsize=\"64\"/> -->"
                + "<feature name=\"f\"><reg name=\"rax\" bitsize=\"64\"/><reg name=\"rbx\" bitsize=\"64\"/></feature></target>"
        }
        if packet.hasPrefix("Hg") || packet.hasPrefix("Hc") {
            return ["1", "p1.1"].contains(packet.dropFirst(2)) ? "OK" : "E22"
        }
        if packet.hasPrefix("Z") {
            state.breakpoints.append(String(packet.dropFirst()))
            return "OK"
        }
        if packet.hasPrefix("z") {
            guard let index = state.breakpoints.firstIndex(of: String(packet.dropFirst())) else { return "E22" }
            state.breakpoints.remove(at: index)
            return "OK"
        }
        if packet.hasPrefix("qRcmd,") {
            state.connection?.send(Packet.encode("O" + hex("VM status: ")) + Packet.encode("O" + hex("paused\r\n")))
            return "OK"
        }
        if packet.hasPrefix("m") { return memory(packet, state.isPhysical) }
        return ""
    }

    private func memory(_ packet: String, _ isPhysical: Bool) -> String {
        let numbers = packet.dropFirst().split(separator: ",").compactMap { HexText.number($0) }
        guard numbers.count == 2, numbers[1] <= packetSize / 2 else { return "E22" }
        let isHole = numbers[0] + numbers[1] > QEMUModel.ramSize
        if isHole, !isPhysical || version == .v11 { return "E14" }
        let bytes =
            isHole ? [UInt8](repeating: 0, count: Int(numbers[1])) : QEMUModel.memory(numbers[0], Int(numbers[1]))
        return String(decoding: HexText.encode(bytes), as: UTF8.self)
    }
}
