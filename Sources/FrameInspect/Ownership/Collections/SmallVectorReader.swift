internal import GuestMemory

/// The elements of a vector; valid until the next vector is read.
struct VectorElements {
    let base: UnsafeRawPointer
    let count: Int
    let stride: Int
    let isSpilled: Bool

    /// A number of an element, which must exist.
    @inline(__always)
    func number(_ index: Int, _ field: AllocatorLayout.Field) -> UInt64 {
        base.number(at: index * stride + field.offset, width: field.width)
    }
}

/// Reads vectors that keep a few elements in place.
final class SmallVectorReader {
    /// The most elements of one vector: what claims more is damaged.
    static let maximumElements: UInt64 = 1 << 16

    /// What a vector turned out to be.
    enum Result {
        case elements(VectorElements)
        case damaged(String)
    }

    private let layout: SmallVectorLayout
    private let reader: PageReader
    private var heap: UnsafeMutableRawPointer
    private var heapBytes = 4096

    /// The layout is sound.
    init(layout: SmallVectorLayout, reader: PageReader) {
        self.layout = layout
        self.reader = reader
        heap = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 16)
    }

    deinit { heap.deallocate() }

    /// The elements where they are in place; nil for a vector on the heap or a damaged one.
    @inline(__always)
    func inline(_ vector: UnsafeRawPointer) -> VectorElements? {
        let capacity = vector.number(layout.capacity)
        guard capacity <= UInt64(layout.inlineCapacity) else { return nil }
        if let tag = layout.heapGuard, tag.accepts(vector.number(tag.field)) { return nil }
        return VectorElements(
            base: vector + layout.inline.offset, count: Int(capacity), stride: layout.inline.stride, isSpilled: false)
    }

    /// The elements on the heap, copied.
    ///
    /// - Throws: ``MemoryError`` when the guest is gone; what the guest's memory contradicts is a result.
    func spilled(_ vector: UnsafeRawPointer) async throws(MemoryError) -> Result {
        let capacity = vector.number(layout.capacity)
        if let tag = layout.heapGuard,
            tag.accepts(vector.number(tag.field)) != (capacity > UInt64(layout.inlineCapacity))
        {
            return .damaged(
                "its vector's tag is \(vector.number(tag.field)), which does not go with the capacity \(capacity) "
                    + "(\(layout.inlineCapacity) elements fit in place)")
        }
        let length = vector.number(layout.length)
        guard length <= capacity, length <= SmallVectorReader.maximumElements else {
            return .damaged("its vector would have \(length) elements and room for \(capacity)")
        }
        let bytes = Int(length) * layout.inline.stride
        if bytes > heapBytes {
            heap.deallocate()
            heap = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 16)
            heapBytes = bytes
        }
        let address = vector.number(layout.pointer)
        do {
            try await reader.copy(address, bytes, to: heap)
        } catch {
            guard error.isOfTheGuest else { throw error }
            return .damaged("its vector would lie at 0x\(String(address, radix: 16)): \(error.message)")
        }
        return .elements(
            VectorElements(
                base: UnsafeRawPointer(heap), count: Int(length), stride: layout.inline.stride, isSpilled: true))
    }
}
