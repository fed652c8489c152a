internal import GuestMemory

/// Reads small pieces of an address space through copies of whole pages: each page is translated and read once.
///
/// Not for several tasks at once. A guest that runs on may show pages of different moments.
final class PageReader {
    /// Pages that are kept, 32 MiB; what needs more starts afresh.
    static let maximumPages = 8192
    private static let pageBytes = 4096

    /// The address space.
    let space: VirtualMemory
    /// Pages of virtual memory by number.
    private var pages: [UInt64: UnsafeMutableRawPointer] = [:]
    /// Page tables by frame number.
    private var tables: [UInt64: UnsafeMutableRawPointer] = [:]
    private var lastNumber = UInt64.max
    private var lastPage: UnsafeMutableRawPointer?
    /// Reads of physical memory so far.
    private(set) var readCount = 0

    init(space: VirtualMemory) { self.space = space }

    deinit { forget() }

    private func forget() {
        for page in pages.values { page.deallocate() }
        for table in tables.values { table.deallocate() }
        pages = [:]
        tables = [:]
        lastNumber = .max
        lastPage = nil
    }

    /// Copies bytes, which may cross pages.
    ///
    /// - Throws: ``MemoryError``; `.notMapped` for what leads nowhere.
    func copy(_ address: UInt64, _ count: Int, to target: UnsafeMutableRawPointer) async throws(MemoryError) {
        var done = 0
        while done < count {
            let (position, overflow) = address.addingReportingOverflow(UInt64(done))
            guard !overflow else {
                throw MemoryError(
                    .notMapped, "\(count) bytes from 0x\(String(address, radix: 16)) leave the address space")
            }
            let offset = Int(position & 4095)
            let length = min(count - done, PageReader.pageBytes - offset)
            let page = try await page(position >> 12)
            (target + done).copyMemory(from: page + offset, byteCount: length)
            done += length
        }
    }

    /// A little-endian number of 1, 2, 4 or 8 bytes.
    ///
    /// - Throws: ``MemoryError``.
    func number(at address: UInt64, width: Int) async throws(MemoryError) -> UInt64 {
        var value: UInt64 = 0
        let width = min(max(width, 1), 8)
        for index in 0..<width {
            let (position, overflow) = address.addingReportingOverflow(UInt64(index))
            guard !overflow else { throw MemoryError(.notMapped, "a number would leave the address space") }
            let page = try await page(position >> 12)
            value |= UInt64(page.load(fromByteOffset: Int(position & 4095), as: UInt8.self)) << UInt64(8 * index)
        }
        return value
    }

    /// The copy of a page; valid until the next call.
    @inline(__always)
    private func page(_ number: UInt64) async throws(MemoryError) -> UnsafeMutableRawPointer {
        if number == lastNumber, let lastPage { return lastPage }
        if let known = pages[number] {
            lastNumber = number
            lastPage = known
            return known
        }
        return try await load(number)
    }

    private func load(_ number: UInt64) async throws(MemoryError) -> UnsafeMutableRawPointer {
        if pages.count + tables.count >= PageReader.maximumPages { forget() }
        let virtual = VirtualAddress(number << 12)
        var walk = PageWalk(virtual, mode: space.mode)
        while true {
            switch walk.step {
            case .entry(let place): walk.feed(try await entry(at: place, for: virtual))
            case .done(let translation):
                let page = try await read(translation.physical)
                pages[number] = page
                lastNumber = number
                lastPage = page
                return page
            case .fault(let fault): throw PageReader.failure(fault, virtual)
            }
        }
    }

    private func entry(at place: PhysicalAddress, for virtual: VirtualAddress) async throws(MemoryError) -> UInt64 {
        let frame = place.rawValue >> 12
        let offset = Int(place.rawValue & 4095)
        if let known = tables[frame] { return known.load(fromByteOffset: offset, as: UInt64.self).littleEndian }
        let table: UnsafeMutableRawPointer
        do {
            table = try await read(PhysicalAddress(frame << 12))
        } catch {
            guard error.code == .notRAM else { throw error }
            throw MemoryError(
                .badPageTable, "\(virtual): a page table would be at \(place), which is not RAM", at: place,
                cause: error)
        }
        tables[frame] = table
        return table.load(fromByteOffset: offset, as: UInt64.self).littleEndian
    }

    private func read(_ physical: PhysicalAddress) async throws(MemoryError) -> UnsafeMutableRawPointer {
        let page = UnsafeMutableRawPointer.allocate(byteCount: PageReader.pageBytes, alignment: 64)
        do {
            try await space.memory.read(
                at: physical, into: UnsafeMutableRawBufferPointer(start: page, count: PageReader.pageBytes))
        } catch {
            page.deallocate()
            throw error
        }
        readCount += 1
        return page
    }

    private static func failure(_ fault: PageWalk.Fault, _ address: VirtualAddress) -> MemoryError {
        switch fault {
        case .notCanonical:
            MemoryError(.notMapped, "\(address) is not a canonical address: no page table can map it")
        case .notPresent(let level):
            MemoryError(.notMapped, "\(address) is not mapped (no entry at level \(level) of the page tables)")
        case .reservedBits(let level, let entry):
            MemoryError(
                .badPageTable,
                "\(address): the page-table entry at level \(level), 0x\(String(entry, radix: 16)), has reserved bits set"
            )
        }
    }
}

extension MemoryError {
    /// Whether the kernel's structures are at fault and not the way to the guest: an address that leads nowhere.
    var isOfTheGuest: Bool { [.notRAM, .notMapped, .badPageTable].contains(code) }
}
