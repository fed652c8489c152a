internal import Glibc
public import SystemPackage

/// Guest memory in an ELF core of QEMU's `dump-guest-memory`.
public final class CoreFileMemory: PhysicalMemory, LentMemory {
    /// What is RAM, as far as the core holds it.
    public let map: RAMMap
    /// The rung: ``MemorySourceKind/core``.
    public let kind = MemorySourceKind.core
    /// The virtual CPUs, from QEMU's notes, by index.
    public let processors: [CoreProcessor]
    private let file: MappedFile
    private let offsets: [(start: UInt64, end: UInt64, offset: UInt64)]

    /// Opens a core file.
    ///
    /// - Throws: ``MemoryError``: no such file, not a core of an x86-64 guest, or cut short.
    public convenience init(path: FilePath) throws(MemoryError) {
        // Without O_NONBLOCK a pipe that nobody writes to would never open.
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let problem = errno
            throw MemoryError(
                problem == EACCES ? .permission : .system,
                "the core file \(path) cannot be opened: \(String(cString: strerror(problem)))")
        }
        try self.init(descriptor: descriptor, name: "the core file \(path)")
    }

    /// A core in an open file, which is closed in any case; `name` appears in errors.
    public init(descriptor: CInt, name: String) throws(MemoryError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw MemoryError(.malformed, "\(name) is not a file")
        }
        guard status.st_size >= 64 else {
            close(descriptor)
            throw MemoryError(.malformed, "\(name) has \(status.st_size) bytes: too short for a core file")
        }
        file = try MappedFile(descriptor: descriptor, offset: 0, count: UInt64(status.st_size), name: name)
        let reader = CoreFileReader(file: file, name: name)
        let headers = try reader.programHeaders()
        var regions: [RAMRegion] = []
        var offsets: [(start: UInt64, end: UInt64, offset: UInt64)] = []
        var processors: [CoreProcessor] = []
        for header in headers {
            let (end, overflow) = header.offset.addingReportingOverflow(header.fileSize)
            guard !overflow, end <= UInt64(file.count) else {
                throw MemoryError(
                    .malformed,
                    "\(name) is cut short: it should have \(overflow ? "far more" : String(end)) bytes and has \(file.count); "
                        + "was the disk full when it was written?")
            }
            switch header.type {
            case CoreFileReader.load:
                let region = RAMRegion(start: PhysicalAddress(header.physical), length: header.fileSize, block: "core")
                // With paging=true the same memory appears under several virtual addresses.
                guard let region,
                    !offsets.contains(where: { $0.start == header.physical && $0.end >= region.end.rawValue })
                else { continue }
                regions.append(region)
                offsets.append((header.physical, region.end.rawValue, header.offset))
            case CoreFileReader.note:
                processors += reader.processors(in: header)
            default: continue
            }
        }
        guard !regions.isEmpty else {
            throw MemoryError(.malformed, "\(name) holds no memory; write it with QEMU's dump-guest-memory")
        }
        // Regions are cut where they overlap; what is kept of each is found in the first that holds it.
        map = RAMMap(regions)
        self.offsets = offsets.sorted { $0.start < $1.start }
        self.processors = processors
    }

    /// Copies bytes.
    public func read(
        at address: PhysicalAddress, into buffer: UnsafeMutableRawBufferPointer
    ) async throws(MemoryError) {
        try copy(from: address, into: buffer)
    }

    /// Lends the mapped file.
    public func forEachChunk(
        at address: PhysicalAddress, count: UInt64, chunk: Int,
        _ body: (PhysicalAddress, UnsafeRawBufferPointer) throws(MemoryError) -> Bool
    ) async throws(MemoryError) {
        try lend(at: address, count: count, chunk: chunk, body)
    }

    func pointer(to piece: RAMPiece) throws(MemoryError) -> UnsafeRawPointer {
        let address = piece.address.rawValue
        guard
            let segment = offsets.first(where: {
                $0.start <= address && address < $0.end && piece.count <= $0.end &- address
            })
        else { throw .notRAM(at: piece.address, count: piece.count, map: map) }
        return file.base + Int(segment.offset &+ (address &- segment.start))
    }
}
