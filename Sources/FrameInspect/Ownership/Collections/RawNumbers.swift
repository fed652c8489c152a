extension UnsafeRawPointer {
    /// A little-endian number of 1, 2, 4 or 8 bytes, wherever it lies; the caller knows that the bytes are there.
    @inline(__always)
    func number(at offset: Int, width: Int) -> UInt64 {
        switch width {
        case 1: UInt64(loadUnaligned(fromByteOffset: offset, as: UInt8.self))
        case 2: UInt64(UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
        case 4: UInt64(UInt32(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
        case 8: UInt64(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        default: 0
        }
    }

    /// A number of a structure that begins here.
    @inline(__always)
    func number(_ field: AllocatorLayout.Field) -> UInt64 { number(at: field.offset, width: field.width) }
}

extension AllocatorLayout.Field {
    /// Whether the number lies inside a structure of so many bytes.
    func fits(_ size: Int) -> Bool {
        [1, 2, 4, 8].contains(width) && offset >= 0 && offset <= size - width
    }
}

extension RowLayout {
    /// Whether so many elements lie inside a structure of so many bytes.
    func fits(_ count: Int, in size: Int) -> Bool {
        let (bytes, overflow) = stride.multipliedReportingOverflow(by: count)
        return stride > 0 && count > 0 && !overflow && offset >= 0 && bytes <= size && offset <= size - bytes
    }
}

extension SmallVectorLayout {
    /// Whether every part lies inside the vector: offsets from elsewhere are not trusted.
    var isSound: Bool {
        size <= 1 << 16 && capacity.fits(size) && pointer.fits(size) && pointer.width == 8 && length.fits(size)
            && inline.fits(inlineCapacity, in: size) && heapGuard?.field.fits(size) ?? true
    }
}

extension TreeLayout {
    /// Whether every part lies inside its structure: offsets from elsewhere are not trusted.
    var isSound: Bool {
        (1...1 << 16).contains(mapSize) && rootNode.fits(mapSize) && rootHeight.fits(mapSize) && length.fits(mapSize)
            && rootGuard?.field.fits(mapSize) ?? true && (1...1 << 20).contains(leafSize)
            && (leafSize...1 << 20).contains(internalSize) && leafOffset >= 0 && leafOffset <= internalSize - leafSize
            && nodeLength.fits(leafSize) && (1...512).contains(capacity) && keys.fits(capacity, in: leafSize)
            && values.fits(capacity, in: leafSize) && edges.stride == 8 && edges.fits(capacity + 1, in: internalSize)
    }
}

extension OwnershipLayout {
    var isSound: Bool {
        tree.isSound && base.fits(tree.keys.stride) && order.fits(tree.keys.stride) && state.fits(tree.values.stride)
            && refcount.fits(tree.values.stride) && transientRefs.fits(tree.values.stride) && capabilities.isSound
            && capabilitiesOffset >= 0 && capabilitiesOffset <= tree.values.stride - capabilities.size
            && capability.fits(capabilities.inline.stride)
    }
}

extension MappingLayout {
    var isSound: Bool {
        tree.isSound && capability.fits(tree.keys.stride) && mappings.isSound && mappings.size <= tree.values.stride
            && space.fits(mappings.inline.stride) && address.fits(mappings.inline.stride)
            && size.fits(mappings.inline.stride)
    }
}

extension AddressSpaceLayout {
    var isSound: Bool {
        (1...1 << 16).contains(vector.size) && vector.pointer.fits(vector.size) && vector.length.fits(vector.size)
            && (1...1 << 16).contains(vector.stride) && identifier.fits(vector.stride) && root.fits(vector.stride)
    }
}
