extension ReadingStatus {
    func write(to writer: inout ByteWriter) {
        switch self {
        case .complete: writer.put(byte: 0)
        case .midChange(let reason):
            writer.put(byte: 1)
            writer.put(reason)
        case .damaged(let reason, let count):
            writer.put(byte: 2)
            writer.put(reason)
            writer.put(count: count)
        case .notInitialised(let reason):
            writer.put(byte: 3)
            writer.put(reason)
        case .notKnown(let reason):
            writer.put(byte: 4)
            writer.put(reason)
        }
    }

    init(from reader: inout ByteReader) throws(SnapshotError) {
        let kind = try reader.byte()
        guard kind > 0 else {
            self = .complete
            return
        }
        let reason = try reader.text(limit: 1 << 16, "a reason")
        switch kind {
        case 1: self = .midChange(reason)
        case 2: self = .damaged(reason, elementsRead: Int(try reader.number(upTo: 1 << 40, "a count")))
        case 3: self = .notInitialised(reason)
        case 4: self = .notKnown(reason)
        default: throw reader.damaged("how a structure was read is not known")
        }
    }
}
