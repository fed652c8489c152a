@testable import GDBRemote
import Testing

/// Packets on the wire, without a socket.
@Suite struct PacketTests {
    /// What came in, kept.
    private enum Seen: Hashable {
        case packet([UInt8])
        case notification([UInt8])
        case ack
        case nack
        case interrupt
        case broken
    }

    private static func events(
        _ bytes: [UInt8], pieces: Int, from sender: PacketDecoder.Sender = .stub
    ) throws -> [Seen] {
        var decoder = PacketDecoder(from: sender)
        var seen: [Seen] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            // Memory of exactly the piece's size, so that reading past it would be found.
            let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece.count, alignment: 1)
            defer { buffer.deallocate() }
            buffer.copyBytes(from: piece)
            try decoder.receive(UnsafeRawBufferPointer(buffer)) { event in
                switch event {
                case .packet(let payload): seen.append(.packet(Array(payload)))
                case .notification(let payload): seen.append(.notification(Array(payload)))
                case .ack: seen.append(.ack)
                case .nack: seen.append(.nack)
                case .interrupt: seen.append(.interrupt)
                case .broken: seen.append(.broken)
                }
            }
        }
        return seen
    }

    private static func text(_ text: String) -> Seen { .packet(Array(text.utf8)) }

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
        // A debugger sends no runs: its stars are characters.
        #expect(try Self.events(packet, pieces: 1, from: .debugger) == [Self.text("0* ")])
    }

    /// A packet as a stub writes it, with the longest runs and with everything escaped that may be.
    private static func encodedWithRuns(_ payload: [UInt8]) -> [UInt8] {
        var body: [UInt8] = []
        var index = 0
        while index < payload.count {
            let byte = payload[index]
            let isEscaped = [0x23, 0x24, 0x2A, 0x7D].contains(byte)
            body += isEscaped ? [0x7D, byte ^ 0x20] : [byte]
            index += 1
            var run = payload[index...].prefix(97).prefix { $0 == byte }.count
            // Counts whose characters would be `#` and `$` are not allowed.
            if run == 6 || run == 7 { run = 5 }
            if run >= 3 {
                body += [0x2A, UInt8(run + 29)]
                index += run
            }
        }
        let sum = body.reduce(UInt8(0), &+)
        return [0x24] + body + [0x23, HexText.digit(sum >> 4), HexText.digit(sum & 15)]
    }

    @Test func runsAndEscapesMixWithEveryFragmentation() throws {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<60 {
            var payload: [UInt8] = []
            while payload.count < 700 {
                let byte =
                    [0x23, 0x24, 0x2A, 0x7D, 0x00, 0x30, 0xFF, UInt8.random(in: 0...255, using: &generator)]
                    .randomElement(using: &generator) ?? 0
                payload += repeatElement(byte, count: Int.random(in: 1...130, using: &generator))
            }
            let packet = Self.encodedWithRuns(payload)
            for pieces in [1, 2, 7, 64, 129, packet.count] {
                #expect(try Self.events(packet, pieces: pieces) == [.packet(payload)])
            }
        }
    }

    @Test func longPacketsAreTakenWholeAndInPieces() throws {
        for count in [0, 1, 126, 127, 128, 129, 255, 256, 257, 4096, 70_000] {
            let payload = (0..<count).map { UInt8(truncatingIfNeeded: 0x30 + $0 % 10) }
            let stream = Packet.encode(payload) + Packet.encode("OK")
            for pieces in [1, 127, 128, 129, 4100, stream.count] {
                #expect(try Self.events(stream, pieces: pieces) == [.packet(payload), Self.text("OK")])
            }
        }
    }

    @Test func interruptsAreSeenFromTheDebuggerOnly() throws {
        let stream = [0x03] + Packet.encode("OK")
        #expect(try Self.events(stream, pieces: 1, from: .debugger) == [.interrupt, Self.text("OK")])
        #expect(try Self.events(stream, pieces: 1) == [Self.text("OK")])
    }

    @Test func runsCannotMakeAPacketEndless() {
        // Every pair of bytes makes 97: far more than the limit from far fewer bytes.
        let bomb = Array("$0".utf8) + (0..<100_000).flatMap { _ in [0x2A, 0x7E] as [UInt8] }
        #expect(throws: GDBError.self) { try Self.events(bomb, pieces: 4096) }
    }

    @Test func brokenPacketsAreSeen() throws {
        #expect(try Self.events(Array("$OK#9b".utf8), pieces: 2) == [.broken])
        #expect(try Self.events(Array("$OK#zz".utf8), pieces: 2) == [.broken])
        #expect(try Self.events(Array("$cut sho$OK#9a".utf8), pieces: 2) == [Self.text("OK")])
        let endless = Array("$".utf8) + [UInt8](repeating: 0x61, count: PacketDecoder.limit + 1)
        #expect(throws: GDBError.self) { try Self.events(endless, pieces: 1 << 16) }
    }

    @Test(arguments: [PacketDecoder.Sender.stub, .debugger])
    func garbageNeverTraps(_ sender: PacketDecoder.Sender) throws {
        var generator = SeededGenerator(seed: 7)
        let letters = Array("$#}*%+-0aT~".utf8)
        for _ in 0..<300 {
            let bytes = (0..<500).map { _ -> UInt8 in
                Bool.random(using: &generator)
                    ? letters.randomElement(using: &generator) ?? 0 : UInt8.random(in: 0...255, using: &generator)
            }
            let whole = try Self.events(bytes, pieces: bytes.count, from: sender)
            // However it is cut, it is the same garbage.
            for pieces in [1, 17, 130] { #expect(try Self.events(bytes, pieces: pieces, from: sender) == whole) }
            for case .packet(let payload) in whole { #expect(payload.count < 500 * 97) }
        }
    }

    @Test func hexadecimalIsReadBothWays() {
        let bytes = Array(0...255) as [UInt8]
        #expect(HexText.decode(HexText.encode(bytes)) == bytes)
        #expect(HexText.decode(Array("DEADbeef".utf8)) == [0xDE, 0xAD, 0xBE, 0xEF])
        for bad in ["abc", "0g", "0x", "é"] { #expect(HexText.decode(Array(bad.utf8)) == nil, "\(bad)") }
    }
}
