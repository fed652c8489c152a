internal import GuestMemory

/// Reads the kernel's collections where debug information says they are.
struct CollectionReader {
    let reader: PageReader

    /// What the words around a value say: nil for a value to be believed.
    ///
    /// - Throws: ``MemoryError``; for words in memory that is not there as well.
    func check(_ guards: [CellGuard], at anchor: UInt64, name: String) async throws(MemoryError) -> ReadingStatus? {
        var held: ReadingStatus?
        for word in guards {
            let place = anchor &+ UInt64(bitPattern: Int64(word.field.offset))
            let value = try await reader.number(at: place, width: word.field.width)
            guard !word.accepts(value) else { continue }
            let whereabouts = "0x\(String(place, radix: 16))"
            switch word.kind {
            case .once:
                return .notInitialised(
                    "\(name) is not set up yet: the state of its \(word.type) at \(whereabouts) is \(value)")
            case .option: return .notInitialised("\(name) is not set up yet: its option at \(whereabouts) is empty")
            case .lock:
                held = .midChange("\(name) is locked: the word of its \(word.type) at \(whereabouts) is \(value)")
            }
        }
        return held
    }

    /// The ownership table.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone.
    func ownership(
        _ layout: OwnershipLayout, at anchor: UInt64, stateNames: [String]
    ) async throws(MemoryError) -> Reading<OwnershipTable> {
        let name = "the ownership table"
        guard layout.isSound else { return .notKnown("the layout of \(name) makes no sense") }
        var visitor = OwnershipVisitor(layout: layout, stateNames: stateNames, reader: reader)
        let (problem, held) = try await walk(layout.map, layout.tree, at: anchor, name: name, &visitor)
        if case .some(let status) = held, !status.mayBeRead { return Reading(nil, status) }
        let table = visitor.table
        return Reading(
            table, CollectionReader.status(problem ?? table.problems.first?.text, held: held, count: table.count))
    }

    /// The index of mappings.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone.
    func mappings(
        _ layout: MappingLayout, at anchor: UInt64, sizes: [UInt64]
    ) async throws(MemoryError) -> Reading<MappingIndex> {
        let name = "the mapping index"
        guard layout.isSound else { return .notKnown("the layout of \(name) makes no sense") }
        var visitor = MappingVisitor(layout: layout, sizes: sizes, reader: reader)
        let (problem, held) = try await walk(layout.map, layout.tree, at: anchor, name: name, &visitor)
        if case .some(let status) = held, !status.mayBeRead { return Reading(nil, status) }
        let index = visitor.index
        return Reading(
            index, CollectionReader.status(problem ?? index.problems.first?.text, held: held, count: index.count))
    }

    /// The address spaces that the kernel lists.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone.
    func addressSpaces(
        _ layout: AddressSpaceLayout, at anchor: UInt64
    ) async throws(MemoryError) -> Reading<[AddressSpaceList.Element]> {
        let name = "the list of address spaces"
        guard layout.isSound else { return .notKnown("the layout of \(name) makes no sense") }
        do {
            let held = try await check(layout.list.guards, at: anchor, name: name)
            if case .some(let status) = held, !status.mayBeRead { return Reading(nil, status) }
            let start = anchor &+ UInt64(bitPattern: Int64(layout.list.offset))
            let list = AddressSpaceList(layout: layout, reader: reader)
            let (elements, problem) = try await list.read(at: start)
            return Reading(elements, CollectionReader.status(problem, held: held, count: elements.count))
        } catch {
            guard error.isOfTheGuest else { throw error }
            return Reading(nil, .damaged("\(name): \(error.message)", elementsRead: 0))
        }
    }

    private func walk(
        _ path: CellPath, _ tree: TreeLayout, at anchor: UInt64, name: String, _ visitor: inout some TreeVisitor
    ) async throws(MemoryError) -> (problem: String?, held: ReadingStatus?) {
        do {
            let held = try await check(path.guards, at: anchor, name: name)
            if let held, !held.mayBeRead { return (nil, held) }
            let start = anchor &+ UInt64(bitPattern: Int64(path.offset))
            let problem = try await TreeReader(layout: tree, reader: reader).walk(at: start, &visitor)
            return (problem.map { "\(name): \($0)" }, held)
        } catch {
            guard error.isOfTheGuest else { throw error }
            return ("\(name): \(error.message)", nil)
        }
    }

    private static func status(_ problem: String?, held: ReadingStatus?, count: Int) -> ReadingStatus {
        if let held { return held }
        return problem.map { .damaged($0, elementsRead: count) } ?? .complete
    }
}

extension ReadingStatus {
    /// Whether it is worth to look at the content.
    var mayBeRead: Bool {
        switch self {
        case .complete, .midChange, .damaged: true
        case .notInitialised, .notKnown: false
        }
    }
}
