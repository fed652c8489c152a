/// One field of all slots of a table, as narrow as the field is.
public struct FrameColumn: Sendable, RandomAccessCollection {
    /// The bytes; written by the table's builder only, before anybody else sees them.
    private final class Storage: @unchecked Sendable {
        let bytes: UnsafeMutableRawPointer

        init(byteCount: Int) {
            bytes = UnsafeMutableRawPointer.allocate(byteCount: Swift.max(byteCount, 1), alignment: 64)
        }

        deinit { bytes.deallocate() }
    }

    private let storage: Storage
    private let width: Int
    /// Number of slots.
    public let count: Int

    /// A column whose values are not set yet; `width` is 0 (all zero), 1, 2, 4 or 8 bytes.
    init(width: Int, count: Int) {
        self.width = width
        self.count = count
        storage = Storage(byteCount: width * count)
    }

    /// Index of the first slot.
    public var startIndex: Int { 0 }
    /// The index behind the last slot.
    public var endIndex: Int { count }

    /// The value in slot `index`, which must be inside.
    public subscript(index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "slot index outside the table")
        switch width {
        case 1: return UInt64(storage.bytes.load(fromByteOffset: index, as: UInt8.self))
        case 2: return UInt64(storage.bytes.load(fromByteOffset: index * 2, as: UInt16.self))
        case 4: return UInt64(storage.bytes.load(fromByteOffset: index * 4, as: UInt32.self))
        case 8: return storage.bytes.load(fromByteOffset: index * 8, as: UInt64.self)
        default: return 0
        }
    }

    /// Copies one field of the slots of a batch; the caller is the only one who knows the column, and the slots are inside.
    @inline(__always)
    func fill(from start: Int, _ field: FieldLayout, _ batch: SlotBatch, stride: Int) {
        guard start >= 0, batch.count <= count - start else { return }
        switch width {
        case 1: copy(UInt8.self, start, field, batch, stride)
        case 2: copy(UInt16.self, start, field, batch, stride)
        case 4: copy(UInt32.self, start, field, batch, stride)
        case 8: copy(UInt64.self, start, field, batch, stride)
        default: break
        }
    }

    /// Sets a run of a one-byte column.
    func fill(from start: Int, count: Int, byte: UInt8) {
        guard width == 1, start >= 0, count <= self.count - start else { return }
        (storage.bytes + start).initializeMemory(as: UInt8.self, repeating: byte, count: count)
    }

    @inline(__always)
    private func copy<Value: FixedWidthInteger>(
        _ type: Value.Type, _ start: Int, _ field: FieldLayout, _ batch: SlotBatch, _ stride: Int
    ) {
        var slot = batch.base
        var target = storage.bytes + start * MemoryLayout<Value>.size
        for _ in 0..<batch.count {
            target.storeBytes(of: Value(truncatingIfNeeded: field.load(slot)), as: Value.self)
            slot += stride
            target += MemoryLayout<Value>.size
        }
    }
}
