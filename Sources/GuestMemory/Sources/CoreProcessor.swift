/// A virtual CPU as QEMU notes it in a core file.
public struct CoreProcessor: Hashable, Sendable {
    /// Its number.
    public var index: Int
    /// The next instruction.
    public var instructionPointer: UInt64
    /// The registers that decide how it translates addresses; EFER is not noted, a 64-bit core implies long mode.
    public var state: ProcessorState

    /// Bytes of QEMU's note for an x86 CPU: version, size, 16 registers, rip, rflags, 10 segments, 5 control registers.
    static let noteBytes = 432

    /// Reads QEMU's note (`QEMUCPUState` of its x86 target); nil for another version or too few bytes.
    init?(note: UnsafeRawBufferPointer, index: Int) {
        guard note.count >= CoreProcessor.noteBytes else { return nil }
        func word(_ offset: Int) -> UInt64 {
            UInt64(littleEndian: note.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        }
        guard note.loadUnaligned(as: UInt32.self) == 1 else { return nil }
        self.index = index
        instructionPointer = word(136)
        let longModeWithNoExecute: UInt64 = 1 << 8 | 1 << 10 | 1 << 11
        state = ProcessorState(cr0: word(392), cr3: word(416), cr4: word(424), efer: longModeWithNoExecute)
    }
}
