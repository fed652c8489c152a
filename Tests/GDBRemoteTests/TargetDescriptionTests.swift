@testable import GDBRemote
import Testing

/// Targets as their stubs describe them.
@Suite struct TargetDescriptionTests {
    private static let main = """
        <?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd" [ <!ENTITY a "b>"> ]><target>
        <architecture> i386:x86-64 </architecture><xi:include href="core.xml"/><xi:include href='more.xml' /></target>
        """

    private static let core = """
        <?xml version="1.0"?>
        <!-- <reg name="before" bitsize="64"/> -->
        <feature name="org.gnu.gdb.i386.core">
          <flags id="f" size="4"><field name="CF" start="0" end="0"/></flags>
          <reg name="rax" bitsize="64" type="int64" regnum="0"/>
          <reg name="eflags" bitsize="32" type="f"/>
          <!--
          <reg name="hidden" bitsize="64"/>
          -->
          <reg name="st0" bitsize="80" type="i387_ext" group="float"/>
        </feature>
        """

    private static let more = """
        <feature name="a &amp; b"><reg bitsize="16" name="gap" regnum="7"/><reg name="last" bitsize="1"/></feature>
        """

    @Test func includesAreReadAndCommentsAreNot() throws {
        #expect(TargetDescription.inclusions(in: Self.main) == ["core.xml", "more.xml"])
        let description = try TargetDescription(
            documents: ["target.xml": Self.main, "core.xml": Self.core, "more.xml": Self.more])
        #expect(description.architecture == "i386:x86-64")
        #expect(description.registers.map(\.name) == ["rax", "eflags", "st0", "gap", "last"])
        #expect(description.registers.map(\.number) == [0, 1, 2, 7, 8])
        #expect(description.registers.map(\.offset) == [0, 8, 12, 22, 24])
        #expect(description.registers.map(\.size) == [8, 4, 10, 2, 1])
        #expect(description.register("st0")?.group == "float")
        #expect(description.register("eflags")?.type == "f")
        #expect(description.register(7)?.feature == "a & b")
        let values = RegisterValues(
            description, bytes: [1, 2, 0, 0, 0, 0, 0, 0, 0x46, 2, nil, 0] + [UInt8?](repeating: 7, count: 10))
        #expect(values["rax"] == 0x201)
        #expect(values["eflags"] == nil, "a byte of it is unknown")
        #expect(values["st0"] == nil, "it is longer than 64 bits")
        #expect(values.bytes(of: "st0")?.count == 10)
        #expect(values["gap"] == nil, "the reply ended before it")
    }

    @Test(arguments: [
        ["target.xml": "<target><xi:include href=\"target.xml\"/></target>"],
        ["target.xml": "<target><xi:include href=\"missing.xml\"/></target>"],
        ["target.xml": "<reg name=\"a\" bitsize=\"0\"/>"],
        ["target.xml": "<reg name=\"a\" bitsize=\"99999999999999999999\"/>"],
        ["target.xml": "<reg bitsize=\"8\"/>"],
        ["target.xml": "<reg name=\"a\" bitsize=\"8\" regnum=\"-1\"/>"],
        ["target.xml": "<reg name=\"a\" bitsize=\"8\" regnum=\"1\"/><reg name=\"b\" bitsize=\"8\" regnum=\"1\"/>"],
        [:],
    ])
    func contradictionsAreRefused(_ documents: [String: String]) {
        #expect(throws: GDBError.self) { try TargetDescription(documents: documents) }
    }

    @Test func brokenMarkupNeverTraps() {
        let bytes = Array((Self.main + Self.core).utf8)
        var generator = SeededGenerator(seed: 5)
        for end in stride(from: 0, to: bytes.count, by: 7) {
            _ = MarkupScanner.elements(of: String(decoding: bytes[..<end], as: UTF8.self))
        }
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0..<20 {
                damaged[Int.random(in: 0..<bytes.count, using: &generator)] =
                    Array("<>\"'=!-/? &".utf8).randomElement(using: &generator) ?? 0
            }
            _ = try? TargetDescription(documents: ["target.xml": String(decoding: damaged, as: UTF8.self)])
        }
    }
}
