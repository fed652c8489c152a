internal import GuestMemory

/// Walks the page tables of several address spaces, each table of the shared half once, without trusting them.
struct PageTableWalk: Sendable {
    /// Tables that are read at most; over the stub, where each takes a round trip, fewer.
    static let maximumTables = 1 << 18
    static let maximumTablesOverStub = 1 << 12
    /// Rows that are kept at most.
    static let maximumRows = 1 << 22
    /// Broken entries that are listed at most.
    static let maximumProblems = 1000
    /// Address spaces that are walked at most.
    static let maximumRoots = 1 << 12

    /// How addresses are translated; the root does not matter.
    let mode: PagingMode
    /// Distance of the direct map; nil where it is not known.
    let directMap: UInt64?
    private(set) var roots: [ReverseMap.Root] = []
    private(set) var problems: [ReverseMap.Problem] = []
    private(set) var problemCount = 0
    private(set) var tableCount = 0
    private(set) var columns = MappingColumns()
    /// Why the walk ended before all was seen; nil where it did not.
    private(set) var limit: String?
    /// Entries of the upper half of top tables that were followed already.
    private var shared: Set<SharedEntry> = []

    private struct SharedEntry: Hashable {
        var index: Int
        var entry: UInt64
    }

    init(mode: PagingMode, directMap: UInt64?) {
        self.mode = mode
        self.directMap = directMap
    }

    /// Walks all address spaces.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone; broken tables are noted.
    mutating func walk(_ roots: [ReverseMap.Root], in memory: any PhysicalMemory) async throws(MemoryError) {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 4096 * 5, alignment: 4096)
        defer { buffer.deallocate() }
        let tables = memory.kind == .gdbstub ? PageTableWalk.maximumTablesOverStub : PageTableWalk.maximumTables
        if roots.count > PageTableWalk.maximumRoots {
            limit = "there are \(roots.count) address spaces; \(PageTableWalk.maximumRoots) were walked"
        }
        self.roots = Array(roots.prefix(PageTableWalk.maximumRoots))
        for index in self.roots.indices {
            try await walk(root: index, in: memory, buffer: buffer, maximumTables: tables)
        }
    }

    /// A table on the way down.
    private struct Step {
        var table: UInt64 = 0
        var next = 0
        var virtual: UInt64 = 0
        var permissions: ReverseMap.Permissions = []
    }

    private mutating func walk(
        root index: Int, in memory: any PhysicalMemory, buffer: UnsafeMutableRawPointer, maximumTables: Int
    ) async throws(MemoryError) {
        let top = mode.levels
        let addressMask: UInt64 = 0x000F_FFFF_FFFF_F000
        var steps = [Step](repeating: Step(), count: top + 1)
        steps[top] = Step(
            table: roots[index].address.rawValue & addressMask, permissions: [.write, .execute, .user])
        guard try await read(steps[top].table, to: buffer + (top - 1) * 4096, in: memory) else {
            note(.tableOutsideRAM, index, top + 1, 0, steps[top].table, 0)
            return
        }
        var level = top
        while true {
            guard steps[level].next < 512 else {
                guard level < top else { return }
                level += 1
                continue
            }
            let number = steps[level].next
            steps[level].next += 1
            let entry = UnsafeRawPointer(buffer + (level - 1) * 4096).number(at: number * 8, width: 8)
            guard entry & 1 != 0 else { continue }
            let place = steps[level].table &+ UInt64(number * 8)
            let virtual = virtualAddress(steps[level].virtual, number, level: level)
            let isLeaf = level == 1 || (entry & 0x80 != 0 && level <= 3)
            guard entry & mode.reservedBits(level: level, isLeaf: isLeaf) == 0 else {
                note(.reservedBits, index, level, place, entry, virtual)
                continue
            }
            var permissions = steps[level].permissions
            if entry & 2 == 0 { permissions.remove(.write) }
            if entry & 4 == 0 { permissions.remove(.user) }
            if mode.hasNoExecute, entry >> 63 != 0 { permissions.remove(.execute) }
            if isLeaf {
                append(entry, virtual, level: level, permissions, root: index)
                guard columns.count < PageTableWalk.maximumRows else {
                    limit = "there are more than \(PageTableWalk.maximumRows) mappings that do not follow each other"
                    return
                }
                continue
            }
            // The upper half is the same in all address spaces: each of its tables is followed once.
            if level == top, number >= 256,
                !shared.insert(SharedEntry(index: number, entry: entry & ~UInt64(0x60))).inserted
            {
                continue
            }
            let table = entry & addressMask
            guard !(level...top).contains(where: { steps[$0].table == table }) else {
                note(.cycle, index, level, place, entry, virtual)
                continue
            }
            guard tableCount < maximumTables else {
                limit = "there are more than \(maximumTables) page tables"
                return
            }
            guard try await read(table, to: buffer + (level - 2) * 4096, in: memory) else {
                note(.tableOutsideRAM, index, level, place, entry, virtual)
                continue
            }
            level -= 1
            steps[level] = Step(table: table, next: 0, virtual: virtual, permissions: permissions)
        }
    }

    private mutating func read(
        _ table: UInt64, to target: UnsafeMutableRawPointer, in memory: any PhysicalMemory
    ) async throws(MemoryError) -> Bool {
        tableCount += 1
        if tableCount & 63 == 0, Task.isCancelled { throw MemoryError(.unavailable, "interrupted") }
        do {
            try await memory.read(
                at: PhysicalAddress(table), into: UnsafeMutableRawBufferPointer(start: target, count: 4096))
            return true
        } catch {
            guard error.isOfTheGuest else { throw error }
            return false
        }
    }

    /// The address that an entry stands for, with the highest bits as the processor wants them.
    private func virtualAddress(_ base: UInt64, _ number: Int, level: Int) -> UInt64 {
        let address = base | UInt64(number) << UInt64(12 + 9 * (level - 1))
        guard level == mode.levels, number >= 256 else { return address }
        return address | ~((1 << UInt64(12 + 9 * mode.levels)) &- 1)
    }

    private mutating func append(
        _ entry: UInt64, _ virtual: UInt64, level: Int, _ permissions: ReverseMap.Permissions, root: Int
    ) {
        let size: UInt64 = 4096 << UInt64(9 * (level - 1))
        let physical = entry & 0x000F_FFFF_FFFF_F000 & ~(size &- 1)
        let half: ReverseMap.Half = virtual >> 63 == 1 ? .kernel : .user
        let isDirect = half == .kernel && directMap.map { $0 &+ physical == virtual } ?? false
        columns.append(
            frame: physical >> 12, virtual: virtual, count: size >> 12,
            attributes: MappingColumns.attributes(
                root: root, level: level - 1, permissions: permissions, half: half, isDirectMap: isDirect))
    }

    private mutating func note(
        _ kind: ReverseMap.Problem.Kind, _ root: Int, _ level: Int, _ place: UInt64, _ entry: UInt64, _ virtual: UInt64
    ) {
        problemCount += 1
        guard problems.count < PageTableWalk.maximumProblems else { return }
        problems.append(
            ReverseMap.Problem(
                kind: kind, root: root, level: level, address: PhysicalAddress(place), entry: entry,
                virtual: VirtualAddress(virtual)))
    }
}
