/// The system registers of one processor in long mode, as `info registers -a` prints them.
public struct ProcessorRegisters: Hashable, Sendable {
    /// The processor's number.
    public var index: Int
    /// Instruction pointer.
    public var rip: UInt64
    /// RFLAGS, of which QEMU prints the low 32 bits.
    public var rflags: UInt64
    /// Current privilege level, 0 to 3.
    public var cpl: Int
    /// Control register 0.
    public var cr0: UInt64
    /// Address of the last page fault.
    public var cr2: UInt64
    /// Root of the page tables; its low 12 bits are flags or the PCID.
    public var cr3: UInt64
    /// Control register 4.
    public var cr4: UInt64
    /// Extended feature enable register.
    public var efer: UInt64
    /// Global descriptor table.
    public var gdt: DescriptorTable
    /// Interrupt descriptor table.
    public var idt: DescriptorTable

    /// Most processors that are accepted.
    public static let processorLimit = 4096
    private static let command = "info registers"

    /// Reads the reply to `info registers -a`; without `-a` its only block is processor 0.
    ///
    /// Processors outside of long mode, for example those that the kernel has not started yet, are left out.
    /// - Throws: ``QMPError`` with code `.malformed` and the line; with code `.command(class: "HumanMonitor")` where no
    ///   processor is in long mode.
    public static func parse(_ text: String) throws(QMPError) -> [ProcessorRegisters] {
        try MonitorText.rejectRefusal(text, of: command)
        var processors: [ProcessorRegisters] = []
        var blocks = 0
        var block = Block(index: 0)
        func finish(_ block: Block) throws(QMPError) {
            guard !block.isEmpty else { return }
            blocks += 1
            if let registers = try block.registers() { processors.append(registers) }
        }
        for line in MonitorText.lines(text) {
            if line.hasPrefix("CPU#") {
                try finish(block)
                guard let index = Int(line.dropFirst(4)), index >= 0, blocks < processorLimit else {
                    throw .malformedLine(line, of: command, because: "is no processor number")
                }
                block = Block(index: index)
            } else {
                try block.take(line)
            }
        }
        try finish(block)
        guard blocks > 0 else {
            throw .malformedLine(MonitorText.lines(text).first ?? "", of: command, because: "shows no registers")
        }
        guard !processors.isEmpty else {
            throw QMPError(
                .command(class: QMPError.humanMonitorClass),
                "the guest's processor is not in long mode: its kernel has not started yet or is a 32-bit one; "
                    + "wait until the guest has booted a 64-bit kernel")
        }
        return processors
    }

    /// The lines of one processor.
    private struct Block {
        var index: Int
        var values: [Substring: UInt64] = [:]
        var tables: [Substring: DescriptorTable] = [:]
        var line: Substring = ""

        var isEmpty: Bool { values.isEmpty && tables.isEmpty }

        init(index: Int) { self.index = index }

        static let wanted: Set<Substring> = [
            "RIP", "EIP", "RFL", "EFL", "CPL", "CR0", "CR2", "CR3", "CR4", "EFER",
        ]

        mutating func take(_ line: Substring) throws(QMPError) {
            if line.hasPrefix("GDT=") || line.hasPrefix("IDT=") {
                let fields = line.dropFirst(4).split(separator: " ")
                guard fields.count == 2, let base = MonitorText.hexadecimal(fields[0]),
                    let limit = MonitorText.hexadecimal(fields[1]).flatMap(UInt32.init(exactly:))
                else { throw .malformedLine(line, of: command, because: "is no descriptor table") }
                tables[line.prefix(3)] = DescriptorTable(base: base, limit: limit)
                return
            }
            for field in line.split(separator: " ") {
                guard let equals = field.firstIndex(of: "=") else { continue }
                let name = field[..<equals]
                guard Self.wanted.contains(name) else { continue }
                guard let value = MonitorText.hexadecimal(field[field.index(after: equals)...]) else {
                    throw .malformedLine(line, of: command, because: "has no number for \(name)")
                }
                values[name] = value
                self.line = line
            }
        }

        /// The registers; nil where the processor is not in long mode (`EFER.LMA`).
        func registers() throws(QMPError) -> ProcessorRegisters? {
            let longModeActive: UInt64 = 1 << 10
            guard let efer = values["EFER"] else {
                if values["EIP"] != nil { return nil }
                throw .malformedLine(line, of: command, because: "ends a processor without EFER")
            }
            guard efer & longModeActive != 0 else { return nil }
            guard let rip = values["RIP"] ?? values["EIP"], let flags = values["RFL"] ?? values["EFL"],
                let cpl = values["CPL"], cpl <= 3, let cr0 = values["CR0"], let cr2 = values["CR2"],
                let cr3 = values["CR3"], let cr4 = values["CR4"], let gdt = tables["GDT"], let idt = tables["IDT"]
            else { throw .malformedLine(line, of: command, because: "ends an incomplete processor") }
            return ProcessorRegisters(
                index: index, rip: rip, rflags: flags, cpl: Int(cpl), cr0: cr0, cr2: cr2, cr3: cr3, cr4: cr4,
                efer: efer, gdt: gdt, idt: idt)
        }
    }
}
