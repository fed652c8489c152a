/// Where one field of a slot is, resolved so that a single 8-byte load inside the slot serves it.
public struct FieldLayout: Hashable, Sendable {
    /// First byte of the field in the slot.
    public let offset: Int
    /// Size in bytes; 0 for a field that the kernel does not have.
    public let width: Int
    /// First byte of the load; the load never leaves the slot.
    @usableFromInline let loadOffset: Int
    /// How far the loaded word is shifted down, in bits.
    @usableFromInline let shift: UInt64
    /// The field's bits after the shift; 0 for a field that the kernel does not have.
    public let mask: UInt64

    /// A field that the kernel does not have: it reads as 0.
    public static let absent = FieldLayout(offset: 0, width: 0, loadOffset: 0, shift: 0, mask: 0)

    private init(offset: Int, width: Int, loadOffset: Int, shift: UInt64, mask: UInt64) {
        self.offset = offset
        self.width = width
        self.loadOffset = loadOffset
        self.shift = shift
        self.mask = mask
    }

    /// A field of a slot; nil where it does not lie inside or its size is not 1, 2, 4 or 8.
    ///
    /// - Parameters:
    ///   - offset: Bytes from the slot's start to the field's.
    ///   - width: Bytes that the field takes.
    ///   - stride: Bytes of the slot, at least 8.
    ///   - bitShift: Number of the field's lowest bit within its bytes.
    ///   - bits: Number of bits; nil for all above `bitShift`.
    public init?(offset: Int, width: Int, stride: Int, bitShift: Int = 0, bits: Int? = nil) {
        guard [1, 2, 4, 8].contains(width), stride >= 8, offset >= 0, offset <= stride - width else { return nil }
        guard bitShift >= 0, bitShift < width * 8 else { return nil }
        let bits = bits ?? (width * 8 - bitShift)
        guard bits > 0, bits <= width * 8 - bitShift else { return nil }
        let loadOffset = min(offset, stride - 8)
        self.init(
            offset: offset, width: width, loadOffset: loadOffset,
            shift: UInt64((offset - loadOffset) * 8 + bitShift), mask: UInt64.max >> UInt64(64 - bits))
    }

    /// Whether the kernel has the field.
    @inlinable public var isPresent: Bool { mask != 0 }

    /// The field's bits within the word that is loaded.
    var maskInWord: UInt64 { mask << shift }

    /// The field's value in the slot at `slot`, which must have the stride's bytes.
    @inlinable @inline(__always)
    public func load(_ slot: UnsafeRawPointer) -> UInt64 {
        let word = slot.loadUnaligned(fromByteOffset: loadOffset, as: UInt64.self)
        return (UInt64(littleEndian: word) &>> shift) & mask
    }
}
