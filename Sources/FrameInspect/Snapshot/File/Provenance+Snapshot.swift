internal import GuestMemory

extension Provenance {
    func write(to writer: inout ByteWriter) {
        writer.put(fixed: time.bitPattern)
        writer.put(rung.rawValue)
        writer.put(byte: consistent ? 1 : 0)
        writer.put(pauseSeconds) { $0.put(fixed: $1.bitPattern) }
        writer.put(byte: isHeldByStub ? 1 : 0)
        writer.put(movedSlots) { $0.put(count: $1) }
        writer.put(qemuVersion) { $0.put($1) }
    }

    init(from reader: inout ByteReader) throws(SnapshotError) {
        let time = Double(bitPattern: try reader.fixed(UInt64.self))
        guard time.isFinite else { throw reader.damaged("the time is no number") }
        guard let rung = MemorySourceKind(rawValue: try reader.text(limit: 64, "the way of reading")) else {
            throw reader.damaged("the way of reading is not known")
        }
        let consistent = try reader.flag()
        let pause = try reader.optional { (reader) throws(SnapshotError) in
            Double(bitPattern: try reader.fixed(UInt64.self))
        }
        guard pause.map({ $0.isFinite && $0 >= 0 && $0 < 1e9 }) ?? true else {
            throw reader.damaged("the pause is no length of time")
        }
        let isHeldByStub = try reader.flag()
        let moved = try reader.optional { (reader) throws(SnapshotError) in
            Int(try reader.number(upTo: SnapshotKernel.maximumSlots, "the number of moved slots"))
        }
        let version = try reader.optional { (reader) throws(SnapshotError) in
            try reader.text(limit: 256, "QEMU's version")
        }
        self.init(
            rung: rung, consistent: consistent, pauseSeconds: pause, isHeldByStub: isHeldByStub, movedSlots: moved,
            time: time, qemuVersion: version)
    }
}
