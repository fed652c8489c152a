internal import CElfutils
internal import Glibc

/// The call frame information of `.eh_frame` and `.debug_frame` through libdw; not for use by two threads at once.
final class CallFrames {
    /// Outlives the handles below, which read from it.
    private let elf: ELFImage
    private let debug: DebugInfo?
    private let ehFrame: OpaquePointer?
    private let debugFrame: OpaquePointer?

    /// The registers that a callee may have to give back: rbx, rbp, rsp, r12 to r15, and the return address.
    private static let kept: [Int] = [3, 6, 7, 12, 13, 14, 15, 16]

    init(elf: ELFImage, debug: DebugInfo?) {
        self.elf = elf
        self.debug = debug
        ehFrame = dwarf_getcfi_elf(elf.elf)
        debugFrame = debug.flatMap { dwarf_getcfi($0.dwarf) }
    }

    deinit { if let ehFrame { dwarf_cfi_end(ehFrame) } }

    /// The rule at an address as linked; nil where there is none, or none that this program can follow.
    func rule(at address: UInt64) -> CallFrameRule? {
        for source in [ehFrame, debugFrame] {
            guard let source else { continue }
            var frame: OpaquePointer?
            guard dwarf_cfi_addrframe(source, address, &frame) == 0, let frame else { continue }
            defer { free(UnsafeMutableRawPointer(frame)) }
            if let rule = CallFrames.rule(frame) { return rule }
        }
        return nil
    }

    private static func rule(_ frame: OpaquePointer) -> CallFrameRule? {
        var start: UInt64 = 0
        var end: UInt64 = 0
        var isInterrupt = false
        let returnAddress = dwarf_frame_info(frame, &start, &end, &isInterrupt)
        guard returnAddress >= 0, start < end else { return nil }
        var operations: UnsafeMutablePointer<Dwarf_Op>?
        var count = 0
        guard dwarf_frame_cfa(frame, &operations, &count) == 0, count == 1, let base = operations?[0] else {
            return nil
        }
        let atom = Int(base.atom)
        let baseRegister: Int
        let baseOffset: Int64
        switch atom {
        case DW_OP_bregx:
            guard base.number < 256 else { return nil }
            baseRegister = Int(base.number)
            baseOffset = Int64(bitPattern: base.number2)
        case DW_OP_breg0...DW_OP_breg31:
            baseRegister = atom - DW_OP_breg0
            baseOffset = Int64(bitPattern: base.number)
        default: return nil
        }
        var registers: [Int: CallFrameRule.Recovery] = [:]
        for register in Set(kept + [Int(returnAddress)]) {
            guard let recovery = recovery(of: register, frame) else { return nil }
            // What no rule speaks of a callee has to leave as it is: the calling convention says so of all of these.
            if recovery == .lost, register != Int(returnAddress) { continue }
            if recovery != .unchanged { registers[register] = recovery }
        }
        return CallFrameRule(
            baseRegister: baseRegister, baseOffset: baseOffset, returnAddressRegister: Int(returnAddress),
            registers: registers, range: start..<end, isInterrupt: isInterrupt)
    }

    /// Where a register's value is; nil for an expression that is not followed.
    private static func recovery(of register: Int, _ frame: OpaquePointer) -> CallFrameRule.Recovery? {
        withUnsafeTemporaryAllocation(of: Dwarf_Op.self, capacity: 3) { memory in
            var operations: UnsafeMutablePointer<Dwarf_Op>?
            var count = 0
            guard let room = memory.baseAddress,
                dwarf_frame_register(frame, Int32(register), room, &operations, &count) == 0
            else { return nil }
            // No operations: with a list the register is lost, without one it is as it was.
            guard count > 0 else { return operations == nil ? .unchanged : .lost }
            guard let operations else { return nil }
            let first = Int(operations[0].atom)
            switch first {
            case DW_OP_regx: return operations[0].number < 256 ? .inRegister(Int(operations[0].number)) : nil
            case DW_OP_reg0...DW_OP_reg31: return .inRegister(first - DW_OP_reg0)
            case DW_OP_call_frame_cfa: break
            default: return nil
            }
            var offset: Int64 = 0
            var next = 1
            if next < count, Int(operations[next].atom) == DW_OP_plus_uconst {
                offset = Int64(bitPattern: operations[next].number)
                next += 1
            }
            if next == count { return .inMemory(offset) }
            return next + 1 == count && Int(operations[next].atom) == DW_OP_stack_value ? .frameAddress(offset) : nil
        }
    }
}
