@testable import GDBRemote
import Testing

/// Packets on the wire, without a socket.
@Suite struct PacketTests {
    private static func events(_ bytes: [UInt8], pieces: Int) throws -> [PacketDecoder.Event] {
        var decoder = PacketDecoder()
        var events: [PacketDecoder.Event] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
            defer { buffer.deallocate() }
            buffer.copyBytes(from: piece)
            try decoder.receive(UnsafeRawBufferPointer(buffer)) { events.append($0) }
        }
        return events
    }

    private static func text(_ text: String) -> PacketDecoder.Event { .packet(Array(text.utf8)) }

    @Test func everyFragmentationGivesTheSamePackets() throws {
        let notification = [0x25] + Packet.encode("Stop:T05").dropFirst()
        let stream = Array("+$OK#9a$T02thread:01;#04".utf8) + notification + Array("-$E14#aa".utf8)
        let whole = try Self.events(stream, pieces: stream.count)
        #expect(
            whole == [
                .ack, Self.text("OK"), Self.text("T02thread:01;"), .notification(Array("Stop:T05".utf8)), .nack,
                Self.text("E14"),
            ])
        for pieces in 1..<stream.count { #expect(try Self.events(stream, pieces: pieces) == whole, "\(pieces)") }
    }

    @Test func escapesAndRunsAreUndone() throws {
        for payload in [[0x23, 0x24, 0x7D, 0x2A, 0x41], [0x7D], Array(0...255)] as [[UInt8]] {
            #expect(try Self.events(Packet.encode(payload), pieces: 3) == [.packet(payload)])
        }
        // "0* " is 0 and three more; the checksum is of what was sent.
        let sum = "0* ".utf8.reduce(UInt8(0), &+)
        let packet = Array("$0* #".utf8) + [HexText.digit(sum >> 4), HexText.digit(sum & 15)]
        #expect(try Self.events(packet, pieces: 1) == [Self.text("0000")])
    }

    @Test func brokenPacketsAreSeen() throws {
        #expect(try Self.events(Array("$OK#9b".utf8), pieces: 2) == [.broken])
        #expect(try Self.events(Array("$OK#zz".utf8), pieces: 2) == [.broken])
        #expect(try Self.events(Array("$cut sho$OK#9a".utf8), pieces: 2) == [Self.text("OK")])
        let endless = Array("$".utf8) + [UInt8](repeating: 0x61, count: PacketDecoder.limit + 1)
        #expect(throws: GDBError.self) { try Self.events(endless, pieces: 1 << 16) }
    }

    @Test func garbageNeverTraps() throws {
        var state: UInt64 = 7
        for _ in 0..<200 {
            let bytes = (0..<500).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let letters = Array("$#}*%+-0aT".utf8)
                return state >> 60 < 10
                    ? letters[Int(state >> 40) % letters.count] : UInt8(truncatingIfNeeded: state >> 50)
            }
            for event in try Self.events(bytes, pieces: 17) {
                if case .packet(let payload) = event { #expect(payload.count < 1 << 20) }
            }
        }
    }

    @Test func hexadecimalIsReadBothWays() {
        let bytes = Array(0...255) as [UInt8]
        #expect(HexText.decode(HexText.encode(bytes)) == bytes)
        #expect(HexText.decode(Array("DEADbeef".utf8)) == [0xDE, 0xAD, 0xBE, 0xEF])
        for bad in ["abc", "0g", "0x", "é"] { #expect(HexText.decode(Array(bad.utf8)) == nil, "\(bad)") }
    }
}
