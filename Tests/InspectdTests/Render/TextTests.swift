import Testing

@testable import inspectd

/// Numbers, tables and bars as text.
@Suite struct TextTests {
    private let terminal = Style(colour: .none, unicode: true, width: 80, height: 24, isInteractive: true)

    @Test func tablesAlignTextLeftAndNumbersRight() {
        var table = TextTable([.left("name"), .right("count"), .flexible("note")])
        table.add(["a", "1", "x"])
        table.add(["abcdef", "12345678", ""])
        table.addTotal(["total", "12345679"])
        #expect(
            table.lines(.plain) == [
                "name       count  note", "------  --------  ----", "a              1  x", "abcdef  12345678",
                "------  --------  ----", "total   12345679",
            ])
    }

    @Test func wideSignsAndColoursDoNotBreakColumns() {
        var table = TextTable([.left("a"), .left("b")])
        table.add(["日本", "x"])
        table.add(["é", "y"])
        table.add([Cell("red", .bad), "z"])
        let lines = table.lines(Style(colour: .basic, unicode: true)).dropFirst(2)
        let columns = lines.map { line in
            DisplayText.width(String(line[..<(line.lastIndex { "xyz".contains($0) } ?? line.startIndex)]))
        }
        #expect(columns == [6, 6, 6])
        #expect(Cell("a\u{1B}[31mb\n").text == "a\\x1b[31mb\\x0a", "a guest's text does not steer the terminal")
    }

    @Test(arguments: 20...120) func flexibleColumnsGiveWay(_ width: Int) {
        var table = TextTable([.right("n"), .flexible("left"), .flexible("middle", cutsMiddle: true)])
        table.add(["1", Cell(String(repeating: "l", count: 70)), Cell(String(repeating: "m", count: 50) + "end")])
        var style = terminal
        style.width = width
        let lines = table.lines(style)
        #expect(lines.allSatisfy { DisplayText.width($0) <= max(width, 17) })
        #expect(width < 24 || lines[2].hasSuffix("end"))
    }

    @Test func blocksStandBesideEachOtherWhereTheyFit() {
        let blocks = [["aaaa", "a"], ["bbbb"], ["cc"]]
        var style = terminal
        style.width = 13
        #expect(TextBlocks.arrange(blocks, style: style) == ["aaaa    bbbb", "a", "", "cc"])
        #expect(TextBlocks.arrange(blocks, style: .plain) == ["aaaa", "a", "", "bbbb", "", "cc"])
        #expect(TextBlocks.wrap("one two three", style: style, hanging: 2) == ["one two three"])
        style.width = 9
        #expect(TextBlocks.wrap("one two three", style: style, hanging: 2) == ["one two", "  three"])
    }

    @Test func numbersAreWrittenTheSameEverywhere() {
        #expect(Format.grouped(0) == "0" && Format.grouped(999) == "999" && Format.grouped(1000) == "1,000")
        #expect(Format.grouped(.max) == "18,446,744,073,709,551,615")
        #expect(Format.fixed(0.0005, decimals: 3) == "0.001" && Format.fixed(-0.0001, decimals: 3) == "0.000")
        #expect(Format.fixed(1234.5, decimals: 1, grouped: true) == "1,234.5")
        #expect(Format.fixed(.infinity, decimals: 1) == "-" && Format.fixed(.nan, decimals: 1) == "-")
        #expect(Format.percent(1, of: 3) == "33.3%" && Format.percent(5, of: 0) == "0.0%")
        #expect(Format.bytes(0) == "0 B" && Format.bytes(4096) == "4 KiB" && Format.bytes(1536 << 20) == "1.5 GiB")
        #expect(Format.bytes(.max) == "16 EiB")
        #expect(Format.duration(nanoseconds: 812_000) == "812 µs" && Format.duration(nanoseconds: 5) == "5 ns")
        #expect(Format.duration(nanoseconds: 812_000, unicode: false) == "812 us")
        #expect(Format.duration(nanoseconds: 31_200_000) == "31.2 ms")
        #expect(Format.duration(nanoseconds: 125_000_000_000) == "2 min 05 s")
        #expect(Format.hex(0x2200) == "0x2200" && Format.hex(0x2200, digits: 8) == "0x00002200")
        #expect(Format.time(secondsSince1970: 0) == "1970-01-01T00:00:00.000Z")
        #expect(Format.time(secondsSince1970: 1_767_225_599.25) == "2025-12-31T23:59:59.250Z")
        #expect(Format.time(secondsSince1970: 1e300).hasPrefix("9999"))
    }

    @Test(
        arguments: [
            ("0", 0), ("4096", 4096), ("0x1000", 4096), ("4K", 4096), ("4KiB", 4096), ("1_000", 1000),
            ("16M", 16 << 20),
            ("1g", 1 << 30), ("2T", 2 << 40), ("", nil), ("0x", nil), ("0x-1", nil), ("-1", nil), ("1.5", nil),
            ("5Q", nil),
            ("99999999999999999999", nil), ("16777216T", nil), ("٣", nil),
        ] as [(String, UInt64?)])
    func numbersAreReadAsTyped(_ text: String, _ value: UInt64?) {
        #expect(NumberText.parse(text) == value)
    }

    @Test func commasQuotesAndLineEndsAreQuotedInCSV() {
        #expect(CSV.line(["a", "b,c", "d\"e", "f\ng", ""]) == "a,\"b,c\",\"d\"\"e\",\"f\ng\",")
        #expect(CSV.field("free-listed") == "free-listed" && CSV.field("\r") == "\"\r\"")
    }

    @Test func jsonTextIsEscaped() {
        var bytes: [UInt8] = []
        JSONValue.append("a\"\\\n\u{1}é", to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #""a\"\\\n\u0001é""#)
    }

    @Test(arguments: [20, 40, 60, 80, 100, 200]) func theBarFitsItsLineAndKeepsItsWidth(_ width: Int) {
        for style in [terminal, Style(width: width)] {
            var style = style
            style.width = width
            let total: UInt64 = 16 << 20
            let lines = (0...16).map { step in
                ProgressBar.line(
                    label: "Reading guest memory", done: UInt64(step) << 20, total: total,
                    nanoseconds: UInt64(step + 1) * 150_000_000, style: style)
            }
            #expect(lines.allSatisfy { DisplayText.width($0) < width })
            #expect(Set(lines.map(DisplayText.width)).count == 1, "\(lines)")
        }
    }

    @Test func theBarSurvivesNonsense() {
        for (done, total) in [(0, 0), (5, 0), (9, 3), (UInt64.max, UInt64.max)] as [(UInt64, UInt64)] {
            let line = ProgressBar.line(label: "x", done: done, total: total, nanoseconds: 0, style: terminal)
            #expect(!line.isEmpty)
        }
        #expect(ProgressBar.bar(share: .nan, width: 4, style: terminal).count == 4)
        #expect(ProgressBar.bar(share: 2, width: 4, style: .plain) == "####")
    }

    @Test func coloursFollowTheTerminalAndTheVariables() {
        func style(_ isTerminal: Bool, _ environment: [String: String], _ choice: ColourChoice = .auto) -> Style {
            Terminal(isTerminal: isTerminal, size: (90, 30), environment: environment, colour: choice).style
        }
        let term = ["TERM": "xterm-256color", "LANG": "C.UTF-8"]
        #expect(style(true, term).colour == .indexed && style(true, term).width == 90)
        #expect(style(false, term) == Style.plain)
        #expect(style(true, term.merging(["NO_COLOR": "1"]) { $1 }).colour == .none)
        #expect(style(true, term.merging(["NO_COLOR": ""]) { $1 }).colour == .indexed)
        #expect(style(true, term.merging(["NO_COLOR": "1"]) { $1 }, .always).colour == .indexed)
        #expect(style(true, term, .never).colour == .none)
        #expect(style(true, ["TERM": "dumb"]).colour == .none && !style(true, ["TERM": "dumb"]).unicode)
        #expect(style(true, ["TERM": "xterm", "COLORTERM": "truecolor"]).colour == .direct)
        #expect(!style(true, ["TERM": "xterm", "LANG": "C"]).unicode)
        #expect(style(false, ["CLICOLOR_FORCE": "1", "TERM": "xterm"]).colour == .basic)
    }
}
