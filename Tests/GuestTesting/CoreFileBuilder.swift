import Foundation
public import GuestMemory

/// Writes an ELF core as QEMU's `dump-guest-memory` does, of memory that a test makes up.
public enum CoreFileBuilder {
    /// Writes the whole of a memory's RAM, with a note of QEMU's for each processor.
    ///
    /// - Throws: `MemoryError` of the memory, or what the file system says.
    public static func write(
        _ memory: BufferMemory, processors: [ProcessorState], to path: String
    ) async throws {
        let regions = memory.map.regions
        var notes: [UInt8] = []
        for processor in processors { notes += note(processor) }
        let headers = 64 + 56 * (regions.count + 1)
        var offset = headers + notes.count
        var file = header(segments: regions.count + 1)
        file += segment(type: 4, offset: headers, physical: 0, size: notes.count)
        for region in regions {
            file += segment(type: 1, offset: offset, physical: region.start.rawValue, size: Int(region.length))
            offset += Int(region.length)
        }
        file += notes
        for region in regions { file += try await memory.bytes(at: region.start, count: Int(region.length)) }
        try Data(file).write(to: URL(fileURLWithPath: path))
    }

    private static func words(_ values: [(UInt64, Int)]) -> [UInt8] {
        values.flatMap { value, width in (0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) } }
    }

    private static func header(segments: Int) -> [UInt8] {
        [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0] + [UInt8](repeating: 0, count: 8)
            + words([
                (4, 2), (62, 2), (1, 4), (0, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), (UInt64(segments), 2),
                (0, 2), (0, 2), (0, 2),
            ])
    }

    private static func segment(type: UInt64, offset: Int, physical: UInt64, size: Int) -> [UInt8] {
        words([
            (type, 4), (0, 4), (UInt64(offset), 8), (0, 8), (physical, 8), (UInt64(size), 8), (UInt64(size), 8), (0, 8),
        ])
    }

    /// Version 1 of QEMU's note for an x86-64 processor: 432 bytes, of which only the control registers matter here.
    private static func note(_ state: ProcessorState) -> [UInt8] {
        var body = [UInt8](repeating: 0, count: 432)
        for (offset, value) in [(0, 432 << 32 | 1), (392, state.cr0), (416, state.cr3), (424, state.cr4)] {
            body.replaceSubrange(offset..<(offset + 8), with: words([(value, 8)]))
        }
        return words([(5, 4), (432, 4), (0, 4)]) + Array("QEMU\0\0\0\0".utf8) + body
    }
}
