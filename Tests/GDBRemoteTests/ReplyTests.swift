@testable import GDBRemote
import Testing

/// What replies say, from bytes alone.
@Suite struct ReplyTests {
    private static func stop(_ text: String) throws -> StopReply { try StopReply(decoding: Array(text.utf8)) }

    private static func answer(_ text: String) -> StubAnswer { StubAnswer(payload: Array(text.utf8)) }

    @Test func stopRepliesSayWhatHappened() throws {
        let simple = try Self.stop("S05")
        #expect(simple.event == .stopped(signal: 5) && simple.thread == nil)
        let breakpoint = try Self.stop("T05swbreak:;thread:p1.2a;core:3;06:78563412;10:xx;")
        #expect(breakpoint.event == .stopped(signal: 5))
        #expect(breakpoint.reason == .softwareBreakpoint)
        #expect(breakpoint.thread == ThreadID(0x2A, process: 1))
        #expect(breakpoint.core == 3)
        #expect(breakpoint.registers == [6: [0x78, 0x56, 0x34, 0x12]])
        #expect(try Self.stop("T05hwbreak:;thread:01;").reason == .hardwareBreakpoint)
        #expect(try Self.stop("T05thread:01;watch:ffff8000;").reason == .watchpoint(.write, address: 0xFFFF_8000))
        #expect(try Self.stop("T05rwatch:10;").reason == .watchpoint(.read, address: 0x10))
        #expect(try Self.stop("T05awatch:10;").reason == .watchpoint(.access, address: 0x10))
        #expect(try Self.stop("T05library:;").reason == .other("library"))
        #expect(try Self.stop("W2a;process:1f").event == .exited(status: 0x2A))
        #expect(try Self.stop("W2a;process:1f").process == 0x1F)
        #expect(try Self.stop("X09").event == .terminated(signal: 9))
        #expect(try !Self.stop("X09").isAlive)
        #expect(try Self.stop("N").event == .nothingRuns)
    }

    @Test(arguments: ["", "T", "S", "Sxx", "OK", "E22", "Q05", "W", "S100", "X1ff"])
    func nonsenseIsNoStop(_ text: String) {
        #expect(throws: GDBError.self) { try Self.stop(text) }
    }

    @Test func randomStopRepliesNeverTrap() {
        var generator = SeededGenerator(seed: 11)
        let letters = Array("TSWX05;:,abcp.-xthread:watch:core".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                letters.randomElement(using: &generator) ?? 0
            }
            _ = try? StopReply(decoding: bytes)
            bytes.withUnsafeBytes { _ = StopReply.isStop($0) }
        }
    }

    @Test func threadsAreReadAndWrittenAlike() {
        #expect(ThreadID("1a") == ThreadID(0x1A))
        #expect(ThreadID("p1.02") == ThreadID(2, process: 1))
        #expect(ThreadID("p1.2")?.description == "p1.2")
        for bad in ["", "-1", "p1", "p1.-1", "p.1", "x", "p1.2.3", "12345678901234567"] {
            #expect(ThreadID(bad) == nil, "\(bad)")
        }
    }

    @Test func errorsAreToldFromData() {
        #expect(Self.answer("E14").errorNumber == 0x14)
        #expect(Self.answer("E.no such thing").isError)
        #expect(Self.answer("E.no such thing").errorNumber == nil)
        for data in ["E1", "E144", "EE", "e14", "OK", "", "Exx"] { #expect(!Self.answer(data).isError, "\(data)") }
    }

    @Test func listsOfThreadsComeInParts() throws {
        #expect(
            try ListThreads(isFirst: true).decode(Self.answer("m1,2,p1.3")) == [
                ThreadID(1), ThreadID(2), ThreadID(3, process: 1),
            ])
        #expect(try ListThreads(isFirst: false).decode(Self.answer("l")) == nil)
        for bad in ["", "E01", "1,2", "m1,z"] {
            #expect(throws: GDBError.self, "\(bad)") { try ListThreads(isFirst: true).decode(Self.answer(bad)) }
        }
    }

    @Test func memoryComesInThreeForms() {
        var bytes = [UInt8](repeating: 0, count: 4)
        func decode(_ form: MemoryForm, _ reply: [UInt8]) -> Int? {
            bytes.withUnsafeMutableBytes { target in reply.withUnsafeBytes { form.decode($0, into: target) } }
        }
        #expect(decode(.digits, Array("deadbeef".utf8)) == 4)
        #expect(bytes == [0xDE, 0xAD, 0xBE, 0xEF])
        #expect(decode(.markedBytes, [0x62, 1, 2, 3, 4]) == 4)
        #expect(bytes == [1, 2, 3, 4])
        #expect(decode(.plainBytes, Array("T051".utf8)) == 4)
        #expect(bytes == Array("T051".utf8))
        // Fewer than were asked for are fewer.
        #expect(decode(.digits, Array("dead".utf8)) == 2)
        #expect(decode(.markedBytes, [0x62, 9]) == 1)
        // Errors, nothing, and too much are none.
        for form in [MemoryForm.digits, .markedBytes, .plainBytes] {
            #expect(decode(form, Array("E14".utf8)) == nil)
            #expect(decode(form, []) == nil)
            #expect(decode(form, Array("00112233445566".utf8)) == nil)
        }
        #expect(MemoryForm.digits.payload(address: 0xFFFF_8000, count: 0x800) == Array("mffff8000,800".utf8))
        #expect(MemoryForm.markedBytes.payload(address: 16, count: 3) == Array("x10,3".utf8))
        #expect(MemoryForm.plainBytes.payload(address: 16, count: 3) == Array("m10,3".utf8))
    }

    @Test func unknownBytesOfRegistersAreNotNumbers() throws {
        let values = try ReadAllRegisters().decode(Self.answer("0100xxxxxxxx"))
        #expect(values == [1, 0, nil, nil, nil, nil])
        #expect(try ReadOneRegister(number: 1).decode(Self.answer("xxxx")) == .unavailable)
        #expect(try ReadOneRegister(number: 1).decode(Self.answer("3412")) == .known([0x34, 0x12]))
        #expect(try ReadOneRegister(number: 1).decode(Self.answer("")) == .notAlone)
        #expect(throws: GDBError.self) { try ReadOneRegister(number: 1).decode(Self.answer("E14")) }
    }

    @Test(arguments: [
        "k", "vKill;1", "bc", "bs", "D", "D;7", "C05", "c", "s", "F1", "vRun;x", "M0,1:00", "X0,0:", "G00", "P1=0",
        "R00",
        "vCont;c", "?", "",
    ])
    func packetsThatDoHarmAreNotSent(_ text: String) {
        #expect(RawRequest(text: text).isDangerous(onQEMU: true))
    }

    @Test(arguments: ["qC", "m0,4", "g", "p1", "vCont?", "qSupported", "Hg1", "qXfer:features:read:target.xml:0,ff"])
    func harmlessPacketsAreSent(_ text: String) {
        #expect(!RawRequest(text: text).isDangerous(onQEMU: true))
    }
}
