/// Reads the headers of a core file: System V ABI, chapter "Object Files", sections on the ELF and the program header.
struct CoreFileReader {
    static let load: UInt32 = 1
    static let note: UInt32 = 4
    /// More segments than any machine has regions of RAM.
    private static let maximumHeaders: UInt64 = 1 << 20

    /// What is used of a program header.
    struct Header {
        var type: UInt32
        var offset: UInt64
        var physical: UInt64
        var fileSize: UInt64
    }

    let file: MappedFile
    let name: String

    private func number<Value: FixedWidthInteger>(_ offset: UInt64, _ type: Value.Type) -> Value? {
        guard let start = Int(exactly: offset), start <= file.count - MemoryLayout<Value>.size, start >= 0 else {
            return nil
        }
        return Value(littleEndian: file.base.loadUnaligned(fromByteOffset: start, as: Value.self))
    }

    private func malformed(_ text: String) -> MemoryError { MemoryError(.malformed, "\(name) \(text)") }

    func programHeaders() throws(MemoryError) -> [Header] {
        let magic = (0..<8).compactMap { number($0, UInt8.self) }
        if magic.starts(with: Array("KDUMP".utf8)) || magic.starts(with: Array("makedump".utf8)) {
            throw malformed("is a kdump-compressed file; write an ELF core: dump-guest-memory without -z, -l, -s")
        }
        guard magic.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
            throw malformed("is not an ELF file; give one that QEMU's dump-guest-memory wrote")
        }
        guard magic[4] == 2, magic[5] == 1 else {
            throw malformed("is not a 64-bit little-endian core: the guest was not in 64-bit mode when it was written")
        }
        guard number(16, UInt16.self) == 4 else {
            throw malformed("is an ELF file, but not a core; give one that QEMU's dump-guest-memory wrote")
        }
        guard let machine = number(18, UInt16.self), machine == 62 else {
            throw malformed("is the core of another machine than x86-64")
        }
        guard let table = number(32, UInt64.self), let size = number(54, UInt16.self), size >= 56,
            var count = number(56, UInt16.self).map(UInt64.init)
        else { throw malformed("is cut short in its header") }
        // Too many for 16 bits: the number is in the first section header.
        if count == 0xFFFF, let sections = number(40, UInt64.self), sections > 0,
            let (place, overflow) = Optional(sections.addingReportingOverflow(44)), !overflow,
            let real = number(place, UInt32.self)
        {
            count = UInt64(real)
        }
        guard count > 0, count <= CoreFileReader.maximumHeaders else { throw malformed("has \(count) segments") }
        var headers: [Header] = []
        for index in 0..<count {
            let (start, overflow) = table.addingReportingOverflow(index &* UInt64(size))
            guard !overflow, start <= UInt64(file.count), let type = number(start, UInt32.self),
                let offset = number(start &+ 8, UInt64.self), let physical = number(start &+ 24, UInt64.self),
                let fileSize = number(start &+ 32, UInt64.self)
            else { throw malformed("is cut short in its table of segments") }
            if fileSize > 0 {
                headers.append(Header(type: type, offset: offset, physical: physical, fileSize: fileSize))
            }
        }
        return headers
    }

    /// QEMU's notes in a segment, which lies inside the file.
    func processors(in header: Header) -> [CoreProcessor] {
        var found: [CoreProcessor] = []
        var position = header.offset
        let end = header.offset &+ header.fileSize
        while position < end, let nameSize = number(position, UInt32.self),
            let size = number(position &+ 4, UInt32.self)
        {
            let text = position &+ 12
            let body = text &+ (UInt64(nameSize) &+ 3) & ~3
            let next = body &+ (UInt64(size) &+ 3) & ~3
            guard next > position, next <= end &+ 3, body &+ UInt64(size) <= end else { break }
            let name = (0..<UInt64(min(nameSize, 8))).compactMap { number(text &+ $0, UInt8.self) }
            if name.prefix(4) == Array("QEMU".utf8)[...] {
                let bytes = UnsafeRawBufferPointer(start: file.base + Int(body), count: Int(size))
                if let processor = CoreProcessor(note: bytes, index: found.count) { found.append(processor) }
            }
            position = next
        }
        return found
    }
}
