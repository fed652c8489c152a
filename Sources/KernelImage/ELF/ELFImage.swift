internal import CElfutils
internal import Glibc
internal import SystemPackage

/// An ELF file open through libelf; not for use by two threads at once.
final class ELFImage {
    let elf: OpaquePointer
    let descriptor: CInt
    let path: String
    private(set) var entry: UInt64 = 0
    private(set) var sections: [ImageSection] = []
    private(set) var segments: [ImageSegment] = []
    private(set) var buildID: [UInt8]?
    private var symbolSection: OpaquePointer?
    private let fileSize: UInt64

    init(path: FilePath) throws(ImageError) {
        self.path = path.string
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let problem = errno
            throw ImageError(
                problem == ENOENT || problem == ENOTDIR ? .notFound : .unreadable,
                "the kernel image \(path) cannot be opened: \(String(cString: strerror(problem)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw ImageError(.unreadable, "the kernel image \(path) is not a file")
        }
        fileSize = UInt64(clamping: status.st_size)
        elf_version(UInt32(EV_CURRENT))
        guard let elf = elf_begin(descriptor, ELF_C_READ_MMAP, nil) else {
            close(descriptor)
            throw ImageError(.notELF, "the kernel image \(path) cannot be read: \(ELFImage.lastError)")
        }
        self.elf = elf
        self.descriptor = descriptor
        try readHeader()
        try readSegments()
        try readSections()
        buildID = readBuildID()
    }

    deinit {
        elf_end(elf)
        close(descriptor)
    }

    /// What libelf says of its last failure.
    private static var lastError: String {
        elf_errmsg(-1).map { String(cString: $0) } ?? "unknown error"
    }

    private func readHeader() throws(ImageError) {
        guard elf_kind(elf) == ELF_K_ELF else {
            throw ImageError(
                .notELF,
                "\(path) is not an ELF file; give the kernel as it was linked, not an ISO, bzImage or compressed file")
        }
        var header = GElf_Ehdr()
        guard gelf_getehdr(elf, &header) != nil else {
            throw ImageError(.truncated, "\(path) ends within its ELF header")
        }
        guard gelf_getclass(elf) == ELFCLASS64, header.e_machine == EM_X86_64 else {
            let machine = header.e_machine == EM_386 ? "32-bit x86" : "machine number \(header.e_machine)"
            let bits = gelf_getclass(elf) == ELFCLASS64 ? "" : " (32-bit file)"
            throw ImageError(.wrongArchitecture, "\(path) is for \(machine)\(bits); kernels for x86-64 can be read")
        }
        entry = header.e_entry
        let tables = [
            (header.e_phoff, UInt64(header.e_phnum) &* UInt64(header.e_phentsize)),
            (header.e_shoff, UInt64(header.e_shnum) &* UInt64(header.e_shentsize)),
        ]
        for (start, length) in tables where length > 0 {
            let (end, overflow) = start.addingReportingOverflow(length)
            guard !overflow, end <= fileSize else {
                throw ImageError(
                    .truncated, "\(path) is cut short: it has \(fileSize) bytes, and its tables lie behind them")
            }
        }
    }

    private func readSegments() throws(ImageError) {
        var count = 0
        guard elf_getphdrnum(elf, &count) == 0, count < 65_536 else { return }
        for index in 0..<count {
            var header = GElf_Phdr()
            guard gelf_getphdr(elf, Int32(index), &header) != nil, header.p_type == PT_LOAD else { continue }
            let (end, overflow) = header.p_offset.addingReportingOverflow(header.p_filesz)
            guard !overflow, end <= fileSize else {
                throw ImageError(
                    .truncated,
                    "\(path) is cut short: a segment ends at \(overflow ? "no" : String(end)), the file at \(fileSize)")
            }
            segments.append(
                ImageSegment(
                    virtualAddress: header.p_vaddr, physicalAddress: header.p_paddr, fileOffset: header.p_offset,
                    fileSize: header.p_filesz, memorySize: header.p_memsz,
                    isWritable: header.p_flags & UInt32(PF_W) != 0,
                    isExecutable: header.p_flags & UInt32(PF_X) != 0))
        }
    }

    private func readSections() throws(ImageError) {
        var names = 0
        let hasNames = elf_getshdrstrndx(elf, &names) == 0
        var section: OpaquePointer? = nil
        while let next = elf_nextscn(elf, section) {
            section = next
            var header = GElf_Shdr()
            guard gelf_getshdr(next, &header) != nil else { continue }
            let name = hasNames ? elf_strptr(elf, names, Int(header.sh_name)).map { String(cString: $0) } : nil
            let hasBytes = header.sh_type != SHT_NOBITS
            let (end, overflow) = header.sh_offset.addingReportingOverflow(header.sh_size)
            guard !hasBytes || header.sh_type == SHT_NULL || (!overflow && end <= fileSize) else {
                throw ImageError(
                    .truncated, "\(path) is cut short: section \(name ?? "?") ends behind the file's \(fileSize) bytes")
            }
            if header.sh_type == SHT_SYMTAB { symbolSection = next }
            if header.sh_type == SHT_NULL { continue }
            sections.append(
                ImageSection(
                    name: name ?? "", address: header.sh_addr, size: header.sh_size, fileOffset: header.sh_offset,
                    isAllocated: header.sh_flags & UInt64(SHF_ALLOC) != 0,
                    isWritable: header.sh_flags & UInt64(SHF_WRITE) != 0,
                    isExecutable: header.sh_flags & UInt64(SHF_EXECINSTR) != 0, hasBytes: hasBytes))
        }
    }

    private func readBuildID() -> [UInt8]? {
        var pointer: UnsafeRawPointer?
        let count = dwelf_elf_gnu_build_id(elf, &pointer)
        guard count > 0, count <= 64, let pointer else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: pointer, count: count))
    }

    /// Whether there is a symbol table.
    var hasSymbols: Bool { symbolSection != nil }

    /// The symbols that are defined here, in the table's order.
    func symbolTable() -> SymbolTable { SymbolTable(elf: elf, section: symbolSection) }

    /// Bytes of the file behind an address as linked; nil where the file does not hold them all.
    func bytes(at address: UInt64, count: Int) -> [UInt8]? {
        guard count > 0 else { return [] }
        let place = sections.first {
            $0.hasBytes && $0.contains(address) && UInt64(count) <= $0.size &- (address &- $0.address)
        }
        let offset: UInt64
        if let place {
            offset = place.fileOffset &+ (address &- place.address)
        } else if let segment = segments.first(where: {
            address >= $0.virtualAddress && address &- $0.virtualAddress < $0.fileSize
                && UInt64(count) <= $0.fileSize &- (address &- $0.virtualAddress)
        }) {
            offset = segment.fileOffset &+ (address &- segment.virtualAddress)
        } else {
            return nil
        }
        guard offset <= fileSize, UInt64(count) <= fileSize &- offset else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let result = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset) + off_t(done))
            }
            if result < 0, errno == EINTR { continue }
            guard result > 0 else { return nil }
            done += result
        }
        return bytes
    }
}
