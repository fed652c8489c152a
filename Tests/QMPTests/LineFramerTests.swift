import Testing

@testable import QMP

@Suite struct LineFramerTests {
    /// The lines that come out when the bytes come in in these portions, and whether the limit was broken.
    private static func lines(
        _ bytes: [UInt8], _ cuts: [Int], limit: Int = LineFramer.defaultLimit
    ) -> (lines: [String], isBroken: Bool) {
        var framer = LineFramer(limit: limit)
        var lines: [String] = []
        var start = 0
        for cut in cuts + [bytes.count] where cut >= start {
            framer.append(bytes[start..<cut])
            start = cut
            do {
                while let line = try framer.nextLine() { lines.append(String(decoding: line, as: UTF8.self)) }
            } catch {
                return (lines, error.code == .malformed)
            }
        }
        return (lines, false)
    }

    @Test func survivesEveryFragmentation() {
        let bytes = Array("one\r\n\n\r\ntwo\rthree\nfour\r\nunfinished".utf8)
        let expected = ["one", "", "", "two\rthree", "four"]
        for first in 0...bytes.count {
            for second in first...bytes.count {
                #expect(Self.lines(bytes, [first, second]).lines == expected, "cut at \(first) and \(second)")
            }
        }
        #expect(Self.lines(bytes, Array(0..<bytes.count)).lines == expected)
    }

    @Test func holdsWhatIsUnfinished() throws {
        var framer = LineFramer()
        framer.append(Array("done\nhalf".utf8))
        #expect(try framer.nextLine().map { String(decoding: $0, as: UTF8.self) } == "done")
        #expect(try framer.nextLine() == nil)
        #expect(String(decoding: framer.pending(atMost: 3), as: UTF8.self) == "hal")
    }

    @Test func acceptsALineOfTheLimitAndNoLonger() {
        for cuts in [[], [3], [8], Array(0..<9)] as [[Int]] {
            let fits = Self.lines(Array("12345678\n".utf8), cuts, limit: 8)
            #expect(fits.lines == ["12345678"] && !fits.isBroken)
            let long = Self.lines(Array("123456789".utf8), cuts, limit: 8)
            #expect(long.lines.isEmpty && long.isBroken, "no line end has come yet, and none will do")
        }
        #expect(LineFramer.defaultLimit == 10 << 20)
    }

    @Test func keepsUpWithManyLinesInManyFragments() {
        let line = String(repeating: "x", count: 1000) + "\r\n"
        let bytes = Array(String(repeating: line, count: 300).utf8)
        let (lines, isBroken) = Self.lines(bytes, Array(stride(from: 0, to: bytes.count, by: 777)), limit: 1000 + 1)
        #expect(lines.count == 300 && !isBroken)
        #expect(lines.allSatisfy { $0.utf8.count == 1000 })
    }
}
