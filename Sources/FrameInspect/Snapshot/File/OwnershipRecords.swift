internal import GuestMemory

/// The ownership table in a snapshot: written from a table, read entry by entry without keeping them.
struct OwnershipRecords {
    /// How far the table could be read.
    let status: ReadingStatus
    /// Names of the states, by value.
    let stateNames: [String]
    /// Where the fields of an entry are; nil where there is no table.
    let offsets: OwnershipTable.FieldOffsets?
    /// Number of entries.
    let count: Int
    private var reader: ByteReader
    private var left: Int
    private var base: UInt64 = 0
    private var order: UInt64 = 0
    private var isFirst = true

    // MARK: Writing

    static func write(_ reading: Reading<OwnershipTable>, to writer: inout ByteWriter) {
        var count = reading.value?.count ?? 0
        var status = reading.status
        if let table = reading.value, let fault = firstOutOfOrder(table) {
            count = fault
            status = .damaged("its entries are not in order", elementsRead: fault)
        }
        status.write(to: &writer)
        writer.put(reading.value) { writer, table in
            writer.put(count: table.stateNames.count)
            for name in table.stateNames { writer.put(name) }
            for offset in table.offsets.list { writer.put(difference: UInt64(bitPattern: Int64(offset))) }
            writer.put(count: count)
            var base: UInt64 = 0
            for index in 0..<count {
                let entry = table[index]
                writer.put(entry.base.rawValue &- base)
                base = entry.base.rawValue
                writer.put(count: entry.order)
                writer.put(entry.state)
                writer.put(entry.refcount)
                writer.put(entry.transientRefs)
                writer.put(byte: entry.isSpilled ? 1 : 0)
                writer.put(entry.address.rawValue)
                writer.put(count: entry.capabilities.count)
                for capability in entry.capabilities { writer.put(capability) }
            }
            let problems = table.problems.filter { $0.index >= 0 && $0.index < count }
            writer.put(count: problems.count)
            for problem in problems {
                writer.put(count: problem.index)
                writer.put(problem.text)
            }
        }
    }

    private static func firstOutOfOrder(_ table: OwnershipTable) -> Int? {
        var last: (UInt64, Int)?
        for index in 0..<table.count {
            let key = (table[index].base.rawValue, table[index].order)
            if let last, last >= key { return index }
            last = key
        }
        return nil
    }

    // MARK: Reading

    init(from reader: ByteReader) throws(SnapshotError) {
        self.reader = reader
        status = try ReadingStatus(from: &self.reader)
        guard try self.reader.flag() else {
            try self.reader.finish()
            stateNames = []
            offsets = nil
            count = 0
            left = 0
            return
        }
        var names: [String] = []
        for _ in 0..<(try self.reader.number(upTo: 256, "the number of states")) {
            names.append(try self.reader.text(limit: 1024, "a state's name"))
        }
        stateNames = names
        var places: [Int] = []
        for _ in 0..<OwnershipTable.FieldOffsets.count {
            places.append(Int(truncatingIfNeeded: try self.reader.difference()))
        }
        offsets = OwnershipTable.FieldOffsets(places)
        count = try self.reader.count(ofElementsOf: 8, "the entries")
        left = count
    }

    /// The next entry; nil behind the last one.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    mutating func next() throws(SnapshotError) -> OwnershipTable.Entry? {
        guard left > 0 else { return nil }
        left -= 1
        let (base, overflow) = self.base.addingReportingOverflow(try reader.number())
        let order = try reader.number(upTo: 255, "an order")
        guard !overflow, isFirst || (self.base, self.order) < (base, order) else {
            throw reader.damaged("the entries are not in order")
        }
        self.base = base
        self.order = order
        isFirst = false
        let state = try reader.number(upTo: 255, "a state")
        let refcount = try reader.number()
        let transientRefs = try reader.number()
        let isSpilled = try reader.flag()
        let address = try reader.number()
        let length = try reader.number(upTo: SmallVectorReader.maximumElements, "the number of capabilities")
        var capabilities: [UInt64] = []
        for _ in 0..<length { capabilities.append(try reader.number()) }
        return OwnershipTable.Entry(
            base: PhysicalAddress(base), order: Int(order), state: state, refcount: refcount,
            transientRefs: transientRefs, capabilities: capabilities[...], isSpilled: isSpilled,
            address: VirtualAddress(address))
    }

    /// The problems, which stand behind the last entry.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    mutating func problems() throws(SnapshotError) -> [OwnershipTable.Problem] {
        guard offsets != nil else { return [] }
        return try reader.problems(count)
    }
}

extension ByteReader {
    /// What was wrong with entries, up to the end of the part.
    mutating func problems(_ count: Int) throws(SnapshotError) -> [OwnershipTable.Problem] {
        var result: [OwnershipTable.Problem] = []
        let limit = UInt64(OwnershipTable.maximumProblems)
        for _ in 0..<(try number(upTo: limit, "the number of problems")) {
            let index = try number(upTo: UInt64(max(0, count - 1)), "an entry's number")
            result.append(OwnershipTable.Problem(index: Int(index), text: try text(limit: 1 << 16, "a problem")))
        }
        try finish()
        return result
    }
}

extension OwnershipTable.FieldOffsets {
    static let count = 6

    /// All in the order of a file.
    fileprivate var list: [Int] {
        [state, refcount, transientRefs, capabilities, inlineCapabilityCount, spilledCapabilityCount]
    }

    fileprivate init?(_ list: [Int]) {
        guard list.count == OwnershipTable.FieldOffsets.count else { return nil }
        self.init(
            state: list[0], refcount: list[1], transientRefs: list[2], capabilities: list[3],
            inlineCapabilityCount: list[4], spilledCapabilityCount: list[5])
    }
}
