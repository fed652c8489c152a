import Foundation
import FoundationXML
import Testing

@testable import inspectd

/// The pictures of memory and the table of the dump, at any width.
@Suite struct PictureTests {
    private static func provenance(_ consistency: String = "paused") -> Provenance {
        Provenance(way: "mapped", consistency: consistency, pauseNanoseconds: 1_500_000, profile: "strat9 <&\">")
    }

    private static func report(frames: UInt64 = 262_144, cells: Int = 4096) -> MapReport {
        let kinds = KindColour.allCases.filter { $0 != .hole }.map {
            MapKind(name: $0.rawValue, text: "kind <\($0)> & \"more\"", colour: $0, isLoud: $0 == .poisoned)
        }
        var report = MapReport(
            start: 0, frameCount: frames, maximumCells: cells, kinds: kinds, provenance: provenance())
        var offset: UInt64 = 0
        while offset < frames {
            report.add(kind: Int(offset / 97 % UInt64(kinds.count)), offset: offset, count: 97)
            offset += 97
        }
        return report
    }

    @Test(arguments: Array(stride(from: 40, through: 200, by: 8)))
    func theMapFitsTheTerminal(_ width: Int) {
        for colour in [ColourDepth.none, .basic, .indexed, .direct] {
            let style = Style(colour: colour, unicode: colour != .none, width: width, height: 50, isInteractive: true)
            let capacity = MapRenderer.capacity(width: width, rows: 24, start: 0, frameCount: 262_144, style: style)
            let lines = MapRenderer.lines(Self.report(cells: capacity), width: width, style: style)
            #expect(lines.count < 60)
            for line in lines { #expect(DisplayText.width(line) <= width, "\(line)") }
        }
    }

    @Test func everyColourStandsInTheLegendOnce() {
        let style = Style(width: 200)
        let text = MapRenderer.lines(Self.report(), width: 200, style: style).joined(separator: "\n")
        for colour in KindColour.allCases where colour != .hole {
            #expect(text.components(separatedBy: colour.text + "  ").count == 2, "\(colour)")
        }
        #expect(Set(KindColour.allCases.map(\.text)).count == KindColour.allCases.count)
        #expect(Set(KindColour.allCases.map(\.letter)).count == KindColour.allCases.count)
    }

    @Test func oneLoudFrameColoursItsCell() {
        var report = MapReport(
            start: 0, frameCount: 1024, maximumCells: 4,
            kinds: [
                MapKind(name: "a", text: "a", colour: .free),
                MapKind(name: "b", text: "b", colour: .poisoned, isLoud: true),
            ], provenance: Self.provenance())
        report.add(kind: 0, offset: 0, count: 1024)
        report.add(kind: 1, offset: 300, count: 1)
        #expect((0..<4).map { report.kind(ofCell: $0) } == [0, 1, 0, 0])
        report.add(kind: 5, offset: 0, count: 1)
        report.add(kind: 0, offset: 5000, count: .max)
        #expect(report.totals == [1024, 1])
    }

    @Test(arguments: [(1, 1), (262_144, 1 << 14), (4_194_304, 1 << 16)] as [(UInt64, Int)])
    func thePictureIsWellFormedAndHasALegend(_ frames: UInt64, _ cells: Int) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("map-\(UUID().uuidString).svg").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let report = Self.report(frames: frames, cells: cells)
        try FileOutput.write(to: path) { try MapPicture.write(report, title: "A <title> & more", to: $0) }
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let parser = XMLParser(data: data)
        #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
        let text = String(decoding: data, as: UTF8.self)
        for (colour, _) in report.legend {
            #expect(text.contains(MapPicture.escaped(colour.text)), "\(colour)")
            #expect(text.contains(colour.hexadecimal))
        }
        #expect(text.contains("A &lt;title&gt; &amp; more"))
        #expect(data.count < 4 << 20)
    }

    private static let row = FrameRow(
        address: 0x12F_0000, frames: 2, state: "free-interior", colour: .free, flags: 0x900, letters: "___A__U__",
        order: 10, refcount: nil, generation: 4_294_967_295, guardBits: 0x1f, vtable: 0xFFFF_FFFF_8022_1980,
        next: 0x3FFD_6000, previous: nil, moved: true)

    @Test(arguments: Array(stride(from: 48, through: 200, by: 4)))
    func theDumpFitsTheTerminalAndNamesWhatIsLeftOut(_ width: Int) {
        for isBlocks in [true, false] {
            var columns = DumpWriter.Columns()
            columns.isBlocks = isBlocks
            columns.isLive = true
            let style = Style(colour: .indexed, unicode: true, width: width, isInteractive: true)
            let table = DumpTable(columns, style: style)
            var bytes: [UInt8] = []
            table.append(Self.row, to: &bytes)
            let row = String(decoding: bytes.dropLast(), as: UTF8.self)
            let lines = table.header + [row]
            for line in lines { #expect(DisplayText.width(line) <= max(width, 57), "\(line)") }
            let isWhole = lines[0].contains("prev")
            #expect(table.note.isEmpty == isWhole)
            #expect(lines[0].contains("refcount") && row.contains("moved"))
        }
    }

    @Test func theDumpAlignsItsColumns() {
        var columns = DumpWriter.Columns()
        columns.isBlocks = true
        let table = DumpTable(columns, style: .plain)
        var bytes: [UInt8] = []
        table.append(Self.row, to: &bytes)
        let row = Array(String(decoding: bytes, as: UTF8.self))
        let title = Array(table.header[0])
        let rule = Array(table.header[1])
        for (index, sign) in rule.enumerated() where sign == " " {
            #expect(title[index] == " " && (index >= row.count || row[index] == " "), "column \(index)")
        }
    }

    @Test func theProvenanceSaysWhoStoppedTheGuest() {
        var source = Self.provenance()
        #expect(ProvenanceRenderer.moment(source, style: .plain) == "guest paused for 1.5 ms")
        source.isHeldByStub = true
        #expect(ProvenanceRenderer.moment(source, style: .plain).contains("held by the GDB stub (1.5 ms"))
        source.pauseNanoseconds = nil
        #expect(ProvenanceRenderer.moment(source, style: .plain) == "guest was paused already")
        source.consistency = "live"
        source.movedSlots = 1
        #expect(ProvenanceRenderer.moment(source, style: .plain).hasSuffix("read twice: 1 slot moved in between"))
        source.movedSlots = 1 << 20
        source.isMovedLimited = true
        #expect(ProvenanceRenderer.moment(source, style: .plain).contains("at least 1048576 slots"))
        source.consistency = "core"
        #expect(ProvenanceRenderer.moment(source, style: .plain).contains("core"))
    }
}
