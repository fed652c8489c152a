internal import GuestMemory

/// The mapping index in a snapshot: written from an index, read entry by entry without keeping them.
struct MappingRecords {
    /// How far the index could be read.
    let status: ReadingStatus
    /// Number of capabilities; nil where there is no index.
    let count: Int?
    private var reader: ByteReader
    private var left: Int
    private var capability: UInt64 = 0
    private var isFirst = true

    // MARK: Writing

    static func write(_ reading: Reading<MappingIndex>, to writer: inout ByteWriter) {
        var count = reading.value?.count ?? 0
        var status = reading.status
        if let index = reading.value,
            let fault = (1..<max(1, count)).first(where: { index[$0 - 1].capability >= index[$0].capability })
        {
            count = fault
            status = .damaged("its entries are not in order", elementsRead: fault)
        }
        status.write(to: &writer)
        writer.put(reading.value) { writer, index in
            writer.put(count: count)
            var capability: UInt64 = 0
            for number in 0..<count {
                let entry = index[number]
                writer.put(entry.capability &- capability)
                capability = entry.capability
                writer.put(byte: entry.isSpilled ? 1 : 0)
                writer.put(entry.address.rawValue)
                writer.put(count: entry.mappings.count)
                for mapping in entry.mappings {
                    writer.put(mapping.space)
                    writer.put(mapping.address.rawValue)
                    writer.put(mapping.pageSize)
                }
            }
            let problems = index.problems.filter { $0.index >= 0 && $0.index < count }
            writer.put(count: problems.count)
            for problem in problems {
                writer.put(count: problem.index)
                writer.put(problem.text)
            }
        }
    }

    // MARK: Reading

    init(from reader: ByteReader) throws(SnapshotError) {
        self.reader = reader
        status = try ReadingStatus(from: &self.reader)
        guard try self.reader.flag() else {
            try self.reader.finish()
            count = nil
            left = 0
            return
        }
        let count = try self.reader.count(ofElementsOf: 4, "the capabilities")
        self.count = count
        left = count
    }

    /// The next capability; nil behind the last one.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    mutating func next() throws(SnapshotError) -> MappingIndex.Entry? {
        guard left > 0 else { return nil }
        left -= 1
        let (capability, overflow) = self.capability.addingReportingOverflow(try reader.number())
        guard !overflow, isFirst || capability > self.capability else {
            throw reader.damaged("the capabilities are not in order")
        }
        self.capability = capability
        isFirst = false
        let isSpilled = try reader.flag()
        let address = try reader.number()
        let length = try reader.number(upTo: SmallVectorReader.maximumElements, "the number of mappings")
        var mappings: [MappingIndex.Mapping] = []
        for _ in 0..<length {
            mappings.append(
                MappingIndex.Mapping(
                    space: try reader.number(), address: VirtualAddress(try reader.number()),
                    pageSize: try reader.number()))
        }
        return MappingIndex.Entry(
            capability: capability, mappings: mappings[...], isSpilled: isSpilled, address: VirtualAddress(address))
    }

    /// The problems, which stand behind the last capability.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged`.
    mutating func problems() throws(SnapshotError) -> [MappingIndex.Problem] {
        guard let count else { return [] }
        return try reader.problems(count)
    }
}
