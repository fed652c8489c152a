import GuestTesting
import Testing

@testable import QMP

/// What the human monitor of QEMU 7.2, 10.0 and 11.1 printed on a q35 with a 64-bit kernel, cut to the lines that matter.
@Suite struct MonitorTextTests {
    private static func crlf(_ text: String) -> String { text.replacing("\n", with: "\r\n") }

    private static let otherView = """
        FlatView #0
         AS "I/O", root: io
         Root memory region: io
          0000000000000000-0000000000000007 (prio 0, i/o): dma-chan
          0000000000000071-0000000000000071 (prio 0, i/o): rtc @0000000000000001


        """

    private static let memoryView = """
        FlatView #3
         AS "memory", root: system
         AS "cpu-memory-0", root: system
         AS "cpu-memory-1", root: system
         AS "ich9-ahci", root: bus master container
         Root memory region: system
          0000000000000000-00000000000c2fff (prio 0, ram): ram
          00000000000c3000-00000000000e7fff (prio 0, rom): ram @00000000000c3000
          0000000000100000-0000000003ffffff (prio 0, ram): ram @0000000000100000 KVM
          00000000febff000-00000000febfffff (prio 1, i/o): ahci
          00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi
          00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios
          0000000100000000-000000017fffffff (prio -1, ram): a name @ with (marks) @0000000080000000 [disabled]


        """

    private static let emptyView = """
        FlatView #4
         AS "mch", root: bus master container
         Root memory region: (none)
          No rendered FlatView


        """

    /// The order of the views differs between the versions, and between two runs of one.
    @Test(arguments: [
        otherView + memoryView + emptyView, memoryView + emptyView + otherView, emptyView + otherView + memoryView,
    ]) func theMemoryViewIsFoundWhereverItStands(_ text: String) throws {
        for text in [text, Self.crlf(text)] {
            let rows = try MemoryTree.parse(text)
            try #require(rows.count == 7)
            #expect(rows[0] == MemoryTreeRow(start: 0, end: 0xc2fff, type: "ram", name: "ram"))
            #expect(rows[1] == MemoryTreeRow(start: 0xc3000, end: 0xe7fff, type: "rom", name: "ram", offset: 0xc3000))
            #expect(
                rows[2] == MemoryTreeRow(start: 0x10_0000, end: 0x3ff_ffff, type: "ram", name: "ram", offset: 0x10_0000)
            )
            #expect(rows[4].priority == 4096 && rows[4].type == "i/o")
            #expect(
                rows[6]
                    == MemoryTreeRow(
                        start: 0x1_0000_0000, end: 0x1_7fff_ffff, priority: -1, type: "ram",
                        name: "a name @ with (marks)", offset: 0x8000_0000, isDisabled: true))
        }
    }

    @Test(arguments: [
        "  0000000000000000-00000000000c2fff (prio 0 ram): ram",
        "  00000000000c3000-0000000000000000 (prio 0, ram): ram",
        "  xyz (prio 0, ram): ram", "  0-1 (prio , ram): ram", "  0-1 (prio 0, ): ram", "  0-1", "  ",
        "  fffffffffffffffff-1 (prio 0, ram): ram",
    ]) func aRowOfAnotherFormIsShownInTheError(_ row: String) {
        let text = " AS \"memory\", root: system\n" + row + "\n"
        let error = #expect(throws: QMPError.self) { try MemoryTree.parse("FlatView #0\n" + text) }
        #expect(error?.code == .malformed)
        #expect(error?.message.contains("info mtree -f") == true)
    }

    @Test func aTreeWithoutTheMemoryViewIsRefused() {
        for text in ["", Self.otherView, "unknown command: 'info mtree'\r\n"] {
            #expect(throws: QMPError.self) { try MemoryTree.parse(text) }
        }
    }

    @Test func hostAddresses() throws {
        let text = "Host virtual address for 0x100000 (/objects/ram (0)) is 0x7f05d40ff000\r\n"
        #expect(try HostAddress.parse(text) == .mapped(value: 0x7f05_d40f_f000, region: "/objects/ram (0)"))
        #expect(try HostAddress.parse("No memory is mapped at address 0x900000000\r\n") == .noMemory)
        #expect(try HostAddress.parse("Memory at address 0xfee00000 is not RAM\r\n") == .notRAM)
        #expect(try HostAddress.parse("Host virtual address for 0x0 (ram) is (nil)\r\n") == .noMemory)
        for text in [
            "", "Host virtual address for 0x100000 (ram) is", "Host virtual address for 0x1 ram is 0x2",
            "Host virtual address for 0x (ram) is 0x2", "Host virtual address for 0x1 (ram) is 7x2",
            "Host virtual address for 0x1 (ram) is 0x10000000000000000",
        ] {
            let error = #expect(throws: QMPError.self) { try HostAddress.parse(text) }
            #expect(error?.code == .malformed, "\(text)")
        }
    }

    @Test func guestAddresses() throws {
        #expect(try GuestAddress.parse("gpa: 0x100000\r\n") == .mapped(0x10_0000))
        #expect(try GuestAddress.parse("Unmapped\r\n") == .unmapped)
        for text in ["", "gpa: ", "gpa: 0xg", "gpa: 100000 Unmapped"] {
            #expect(throws: QMPError.self) { try GuestAddress.parse(text) }
        }
    }

    @Test func processors() throws {
        let old = try MonitorProcessor.parse("* CPU #0: thread_id=440\r\n  CPU #1: thread_id=441\r\n")
        #expect(old.map(\.index) == [0, 1] && old.map(\.threadID) == [440, 441])
        #expect(old.map(\.isCurrent) == [true, false] && old[0].model == nil)
        let new = try MonitorProcessor.parse(
            "  CPU #0: thread_id=694 model=qemu64\r\n* CPU #1: thread_id=695 model=qemu64\r\n")
        #expect(new.map(\.model) == ["qemu64", "qemu64"] && new.map(\.isCurrent) == [false, true])
        for text in ["CPU #0: thread_id=1", "* CPU #-1: thread_id=1", "* CPU #0: (halted)", "* CPU 0"] {
            #expect(throws: QMPError.self) { try MonitorProcessor.parse(text) }
        }
    }

    private static func registers(_ index: Int, efer: String, rip: String = "RIP=ffffffff80211212 RFL=00000202")
        -> String
    {
        """

        CPU#\(index)
        RAX=0000000000000002 RBX=0000000100003600 RCX=0000000000000000 RDX=00000000000003fd
        R8 =ffffffff80259578 R9 =0000000000000014 R10=0000000000000032 R11=0000000000000073
        \(rip) [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1
        CS =0018 0000000000000000 ffffffff 00af9a00 DPL=0 CS64 [-R-]
        LDT=0000 0000000000000000 0000ffff 00008200 DPL=0 LDT
        TR =0020 ffffffff80226090 00000067 00008900 DPL=0 TSS64-avl
        GDT=     ffffffff8025cb20 0000002f
        IDT=     ffffffff8025cca0 00000fff
        CR0=80010033 CR2=00000000000000\(index)0 CR3=0000000003fdf00\(index) CR4=00000620
        DR6=00000000ffff0ff0 DR7=0000000000000400
        EFER=\(efer)
        FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80
        XMM00=0000000000000000 0000000000000000 XMM01=0000000000000000 0000000000000000

        """
    }

    @Test func registersOfEveryProcessor() throws {
        let text = Self.registers(0, efer: "0000000000000d00") + Self.registers(1, efer: "0000000000000d00")
        for text in [text, Self.crlf(text)] {
            let processors = try ProcessorRegisters.parse(text)
            try #require(processors.map(\.index) == [0, 1])
            let second = processors[1]
            #expect(second.rip == 0xffff_ffff_8021_1212 && second.rflags == 0x202 && second.cpl == 0)
            #expect(second.cr0 == 0x8001_0033 && second.cr2 == 0x10 && second.cr3 == 0x3fd_f001 && second.cr4 == 0x620)
            #expect(second.efer == 0xd00)
            #expect(second.gdt == DescriptorTable(base: 0xffff_ffff_8025_cb20, limit: 0x2f))
            #expect(second.idt == DescriptorTable(base: 0xffff_ffff_8025_cca0, limit: 0xfff))
        }
    }

    @Test func processorsOutsideOfLongModeAreLeftOut() throws {
        let asleep = Self.registers(1, efer: "0000000000000000", rip: "EIP=0000fff0 EFL=00000002")
        #expect(try ProcessorRegisters.parse(Self.registers(0, efer: "0000000000000d00") + asleep).map(\.index) == [0])
        let error = #expect(throws: QMPError.self) { try ProcessorRegisters.parse(asleep) }
        #expect(error?.message.contains("not in long mode") == true)
    }

    @Test func registersOfAnotherFormAreRefused() {
        let whole = Self.registers(0, efer: "0000000000000d00")
        for (part, other) in [
            ("CPU#0", "CPU#x"), ("GDT=     ffffffff8025cb20", "GDT=     nowhere"), ("0000002f", "10000002f"),
            ("CR3=", "CR9="), ("CPL=0", "CPL=7"), ("RIP=ffffffff80211212", "RIP=1ffffffff80211212"), ("EFER=", "efer="),
        ] {
            let error = #expect(throws: QMPError.self) {
                try ProcessorRegisters.parse(whole.replacing(part, with: other))
            }
            #expect(error?.code == .malformed)
        }
        for text in ["", "No CPU available on this machine\r\n", "Error: 'foo' has no registers"] {
            #expect(throws: QMPError.self) { try ProcessorRegisters.parse(text) }
        }
    }

    @Test func pagesAndRangesOfTheAddressSpace() throws {
        let pages = try TLBRow.parse(
            "ffff800000000000: 0000000000000000 X-PDA---W\r\n0000000000400000: 000000000060a000 -G---CTU-\r\n")
        try #require(pages.count == 2)
        #expect(pages[0].virtual == 0xffff_8000_0000_0000 && pages[0].physical == 0)
        #expect(pages[0].isNoExecute && pages[0].isLarge && pages[0].isDirty && pages[0].isAccessed)
        #expect(pages[0].isWritable && !pages[0].isGlobal && !pages[0].isUser && !pages[0].isCacheDisabled)
        #expect(pages[1].isGlobal && pages[1].isCacheDisabled && pages[1].isWriteThrough && pages[1].isUser)
        #expect(!pages[1].isWritable && !pages[1].isNoExecute && pages[1].physical == 0x60_a000)

        let ranges = try MemoryRow.parse(
            "ffff800000000000-ffff800004000000 0000000004000000 -rw\r\nffffffff80201000-ffffffff80226000 0000000000025000 ur-\r\n"
        )
        try #require(ranges.count == 2)
        #expect(ranges[0].size == 0x400_0000 && ranges[0].isWritable && !ranges[0].isUser)
        #expect(ranges[1].isUser && ranges[1].isReadable && !ranges[1].isWritable)

        #expect(try TLBRow.parse("").isEmpty)
        for text in ["ffff: 0 X-PDA---", "ffff 0 X-PDA---W", "ffff: 0 Y-PDA---W", "g: 0 X-PDA---W", "PG disabled\r\n"] {
            #expect(throws: QMPError.self) { try TLBRow.parse(text) }
        }
        for text in ["0-10 20 -rw", "0 10 -rw", "0-10 10 -rwx", "0-10 10 rwx", "PG disabled\r\n"] {
            #expect(throws: QMPError.self) { try MemoryRow.parse(text) }
        }
    }

    @Test(arguments: [
        "unknown command: 'nonsense'\r\n",
        "unexpected end of expression\r\nTry \"help gpa2hva\" for more information\r\n",
        "invalid char 'x' in expression\r\nTry \"help gva2gpa\" for more information\r\n",
        "Error: something\r\n", "No CPU available\r\n",
    ]) func anErrorAsTextIsARefusal(_ text: String) {
        for parse in [
            { _ = try HostAddress.parse($0) }, { _ = try GuestAddress.parse($0) }, { _ = try TLBRow.parse($0) },
            { _ = try MemoryTree.parse($0) }, { _ = try MonitorProcessor.parse($0) },
        ] as [(String) throws -> Void] {
            let error = #expect(throws: QMPError.self) { try parse(text) }
            #expect(error?.code == .command(class: "HumanMonitor"))
        }
    }

    /// A damaged print is an error or a value, never a trap.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func survivesDamagedText(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let samples = [
            Self.otherView + Self.memoryView, Self.registers(0, efer: "0000000000000d00"),
            "Host virtual address for 0x100000 (ram) is 0x7f05d40ff000\r\n", "gpa: 0x100000\r\n",
            "* CPU #0: thread_id=440\r\n  CPU #1: thread_id=441 model=qemu64\r\n",
            "ffff800000000000: 0000000000000000 X-PDA---W\r\n",
            "ffff800000000000-ffff800004000000 0000000004000000 -rw\r\n",
        ]
        for sample in samples {
            for _ in 0..<60 {
                var bytes = Array(sample.utf8)
                for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                    let place = Int.random(in: 0..<bytes.count, using: &generator)
                    switch Int.random(in: 0..<3, using: &generator) {
                    case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                    case 1: bytes.remove(at: place)
                    default: bytes.replaceSubrange(place..<min(bytes.count, place + 3), with: "@ )-:=#".utf8)
                    }
                }
                let text = String(decoding: bytes, as: UTF8.self)
                _ = try? MemoryTree.parse(text)
                _ = try? ProcessorRegisters.parse(text)
                _ = try? HostAddress.parse(text)
                _ = try? GuestAddress.parse(text)
                _ = try? MonitorProcessor.parse(text)
                _ = try? TLBRow.parse(text)
                _ = try? MemoryRow.parse(text)
            }
        }
    }

    @Test func carriageReturnsAreTakenFromLineEndsOnly() {
        #expect(MonitorText.normalised("a\r\nb\rc\n\r\n") == "a\nb\rc\n\n")
        #expect(MonitorText.lines("a\r\n\r\nb\n") == ["a", "b"])
    }
}
