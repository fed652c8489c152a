internal import CCapstone

/// Decodes x86-64 instructions through Capstone; not for use by two threads at once.
final class Disassembler {
    private var handle: csh = 0
    private let instruction: UnsafeMutablePointer<cs_insn>

    /// The longest instruction, in bytes.
    static let maximumLength = 15

    /// Where Capstone keeps what it knows of x86 operands: a union, which follows the last plain member.
    private static let detailOffset: Int = {
        let end = (MemoryLayout<cs_detail>.offset(of: \.groups_count) ?? 0) + MemoryLayout<UInt8>.size
        let alignment = MemoryLayout<cs_x86>.alignment
        return (end + alignment - 1) / alignment * alignment
    }()
    private static let operandsOffset = MemoryLayout<cs_x86>.offset(of: \.operands) ?? 0
    private static let mostOperands = 8

    /// Nil where Capstone does not know x86.
    init?() {
        guard cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK else { return nil }
        guard cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue)) == CS_ERR_OK,
            let instruction = cs_malloc(handle)
        else {
            cs_close(&handle)
            return nil
        }
        self.instruction = instruction
    }

    deinit {
        cs_free(instruction, 1)
        cs_close(&handle)
    }

    /// The instruction at an address whose bytes begin with `bytes`; nil where they are none.
    func decode(_ bytes: UnsafeRawBufferPointer, at address: UInt64) -> Instruction? {
        guard advance(bytes, at: address), let detail = instruction.pointee.detail else { return nil }
        return read(UnsafeRawPointer(detail))
    }

    /// The instruction as a person reads it; nil where the bytes are none.
    func text(_ bytes: UnsafeRawBufferPointer, at address: UInt64) -> String? {
        guard advance(bytes, at: address) else { return nil }
        func text(_ offset: Int?, _ size: Int) -> String {
            let start = UnsafeRawPointer(instruction) + (offset ?? 0)
            let bytes = UnsafeRawBufferPointer(start: start, count: size)
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let mnemonic = text(
            MemoryLayout<cs_insn>.offset(of: \.mnemonic), MemoryLayout.size(ofValue: instruction.pointee.mnemonic))
        let operands = text(
            MemoryLayout<cs_insn>.offset(of: \.op_str), MemoryLayout.size(ofValue: instruction.pointee.op_str))
        return operands.isEmpty ? mnemonic : mnemonic + " " + operands
    }

    private func advance(_ bytes: UnsafeRawBufferPointer, at address: UInt64) -> Bool {
        guard let base = bytes.baseAddress else { return false }
        var code: UnsafePointer<UInt8>? = base.assumingMemoryBound(to: UInt8.self)
        var size = min(bytes.count, Disassembler.maximumLength)
        var place = address
        return cs_disasm_iter(handle, &code, &size, &place, instruction)
    }

    private func read(_ detail: UnsafeRawPointer) -> Instruction {
        let x86 = (detail + Disassembler.detailOffset).assumingMemoryBound(to: cs_x86.self)
        let name = instruction.pointee.id
        var result = Instruction(
            address: instruction.pointee.address, length: UInt8(truncatingIfNeeded: instruction.pointee.size),
            operation: name < Disassembler.operations.count ? Disassembler.operations[Int(name)] : .other)
        if name < Disassembler.conditions.count { result.condition = Disassembler.conditions[Int(name)] }
        result.isLocked = x86.pointee.prefix.0 == UInt8(X86_PREFIX_LOCK.rawValue)
        readImplicit(detail.assumingMemoryBound(to: cs_detail.self), into: &result)
        let count = min(Int(x86.pointee.op_count), Disassembler.mostOperands)
        result.operandCount = UInt8(count)
        let operands = (UnsafeRawPointer(x86) + Disassembler.operandsOffset).assumingMemoryBound(to: cs_x86_op.self)
        for index in 0..<count {
            let operand = read(operands + index, in: result)
            note(operand, in: &result)
            if index == 0 { result.first = operand }
            if index == 1 { result.second = operand }
        }
        if Disassembler.countingBranches.contains(name) {
            result.reads |= Register.bits(Register.rcx)
            result.writes |= Register.bits(Register.rcx)
        }
        if Disassembler.comparingExchanges.contains(name) {
            // Capstone leaves out what is compared.
            let isByte = result.first.size == 1
            result.reads |= isByte ? 1 : Register.bits(Register.rax)
            result.writes |= isByte ? 1 : Register.bits(Register.rax)
        }
        finish(&result)
        return result
    }

    private func readImplicit(_ detail: UnsafePointer<cs_detail>, into result: inout Instruction) {
        func mask(_ offset: Int?, _ count: UInt8, _ most: Int) -> UInt64 {
            guard count > 0, let offset else { return 0 }
            let list = (UnsafeRawPointer(detail) + offset).assumingMemoryBound(to: UInt16.self)
            var mask: UInt64 = 0
            for index in 0..<min(Int(count), most) {
                let register = Int(list[index])
                guard register < Register.numbers.count else { continue }
                mask |= Register.bits(Register.numbers[register])
            }
            return mask
        }
        result.reads = mask(MemoryLayout<cs_detail>.offset(of: \.regs_read), detail.pointee.regs_read_count, 12)
        result.writes = mask(MemoryLayout<cs_detail>.offset(of: \.regs_write), detail.pointee.regs_write_count, 20)
    }

    private func read(_ source: UnsafePointer<cs_x86_op>, in instruction: Instruction) -> Operand {
        var operand = Operand()
        operand.size = source.pointee.size
        let access = UInt32(source.pointee.access)
        // Where Capstone does not know the access, the operand is taken to be both read and written.
        operand.isRead = access == 0 || access & UInt32(CS_AC_READ.rawValue) != 0
        operand.isWritten = access == 0 || access & UInt32(CS_AC_WRITE.rawValue) != 0
        switch source.pointee.type {
        case X86_OP_REG:
            operand.kind = .register
            operand.register = Disassembler.number(source.pointee.reg)
            operand.isHighByte = Register.isHighByte(source.pointee.reg)
        case X86_OP_IMM:
            operand.kind = .immediate
            operand.value = UInt64(bitPattern: source.pointee.imm)
            operand.isWritten = false
        case X86_OP_MEM:
            operand.kind = .memory
            let place = source.pointee.mem
            operand.value = UInt64(bitPattern: place.disp)
            operand.scale = UInt8(truncatingIfNeeded: place.scale)
            operand.index = Disassembler.number(place.index)
            if place.base == X86_REG_RIP {
                operand.value &+= instruction.next
            } else {
                operand.register = Disassembler.number(place.base)
                operand.isOpaque = operand.register > 15 && place.base != X86_REG_INVALID
            }
            let isPlain = place.segment == X86_REG_INVALID || place.segment == X86_REG_DS || place.segment == X86_REG_SS
            let hasOddIndex = operand.index > 15 && place.index != X86_REG_INVALID && place.index != X86_REG_RIZ
            if !isPlain || hasOddIndex { operand.isOpaque = true }
        default: break
        }
        return operand
    }

    private static func number(_ register: x86_reg) -> UInt8 {
        let index = Int(register.rawValue)
        return index < Register.numbers.count ? Register.numbers[index] : Operand.noRegister
    }

    /// Adds an operand's registers to what the instruction reads and writes.
    private func note(_ operand: Operand, in result: inout Instruction) {
        switch operand.kind {
        case .register:
            var bits = Register.bits(operand.register)
            if operand.register < 16, operand.size == 1 { bits &= operand.isHighByte ? ~0xFFFF : 0xFFFF }
            if operand.isRead { result.reads |= bits }
            if operand.isWritten {
                result.writes |= bits
                // A word, and a high byte, leave some of the rest as it was.
                if operand.size == 2 || operand.isHighByte { result.reads |= bits & ~0xFFFF }
            }
        case .memory:
            result.reads |= Register.bits(operand.register) | Register.bits(operand.index)
            if operand.isWritten { result.writesMemory = true }
        default: break
        }
    }

    private func finish(_ result: inout Instruction) {
        switch result.operation {
        case .call, .jump, .branch:
            if result.first.kind == .immediate {
                result.target = result.first.value
            } else if result.operation == .branch {
                result.operation = .farTransfer
            } else {
                result.operation = result.operation == .call ? .callIndirect : .jumpIndirect
            }
        case .exchange:
            if result.first.kind == .memory || result.second.kind == .memory {
                result.isLocked = true
                result.writesMemory = true
            }
            result.writes |= result.reads & 0xFFFF_0000_FFFF
        case .xor, .subtract:
            // A register combined with itself does not depend on what it was.
            if result.first.kind == .register, result.second.kind == .register,
                result.first.register == result.second.register, result.first.size == result.second.size,
                result.first.size >= 4, result.first.register < 32
            {
                result.reads &= ~Register.bits(result.first.register)
            }
        case .compare, .test, .bitTest:
            result.writesMemory = false
            if result.operation != .bitTest { result.writes = 0 }
        case .push, .pushFlags: result.writesMemory = true
        case .move, .loadAddress, .moveZeroExtended, .moveSignExtended:
            if result.first.kind == .memory { result.writesMemory = true }
        default: break
        }
    }
}
