/// Appends numbers and text in the form that snapshots have; see docs/snapshot-format.md.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    /// A little-endian number of fixed size.
    mutating func put<Number: FixedWidthInteger>(fixed value: Number) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Seven bits a byte, the lowest first; the top bit says that another byte follows.
    @inline(__always)
    mutating func put(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A count, which is never negative.
    mutating func put(count: Int) { put(UInt64(count)) }

    /// A difference in two's complement, small ones of either sign in few bytes.
    @inline(__always)
    mutating func put(difference: UInt64) {
        let sign = UInt64(bitPattern: Int64(bitPattern: difference) >> 63)
        put((difference &<< 1) ^ sign)
    }

    /// A byte.
    mutating func put(byte: UInt8) { bytes.append(byte) }

    /// Bytes with their number before them.
    mutating func put(_ block: [UInt8]) {
        put(count: block.count)
        bytes.append(contentsOf: block)
    }

    /// UTF-8 with the number of bytes before it.
    mutating func put(_ text: String) { put(Array(text.utf8)) }

    /// A byte that says whether there is a value, then the value.
    mutating func put<Value>(_ value: Value?, _ body: (inout ByteWriter, Value) -> Void) {
        guard let value else { return put(byte: 0) }
        put(byte: 1)
        body(&self, value)
    }
}
