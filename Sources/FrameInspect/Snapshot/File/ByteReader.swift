/// Reads what ``ByteWriter`` wrote out of a part of a file; whatever the bytes are, it ends or throws.
struct ByteReader {
    private let bytes: [UInt8]
    /// What the part is, for messages.
    private let part: String
    private let end: Int
    private(set) var position: Int

    /// A reader of the given bytes of a file, which must lie inside it.
    init(_ bytes: [UInt8], _ range: Range<Int>, part: String) {
        self.bytes = bytes
        self.part = part
        end = min(range.upperBound, bytes.count)
        position = min(range.lowerBound, end)
    }

    /// Number of bytes that are left.
    var remaining: Int { end - position }

    /// An error at the current position.
    func damaged(_ what: String) -> SnapshotError { .damaged(part, what, at: position) }

    /// A little-endian number of fixed size.
    mutating func fixed<Number: FixedWidthInteger>(_: Number.Type) throws(SnapshotError) -> Number {
        let size = Number.bitWidth / 8
        guard remaining >= size else { throw damaged("it ends in the middle of a number") }
        var value: Number = 0
        for index in stride(from: size - 1, through: 0, by: -1) {
            value = value << 8 | Number(truncatingIfNeeded: bytes[position + index])
        }
        position += size
        return value
    }

    /// A number of seven bits a byte.
    @inline(__always)
    mutating func number() throws(SnapshotError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end {
            let byte = bytes[position]
            guard shift < 63 || byte <= 1 else { throw damaged("a number has more than 64 bits") }
            position += 1
            value |= UInt64(byte & 0x7F) &<< shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw damaged("it ends in the middle of a number")
    }

    /// A difference in two's complement.
    @inline(__always)
    mutating func difference() throws(SnapshotError) -> UInt64 {
        let value = try number()
        return (value >> 1) ^ (0 &- (value & 1))
    }

    /// A number up to a limit.
    mutating func number(upTo limit: UInt64, _ what: String) throws(SnapshotError) -> UInt64 {
        let value = try number()
        guard value <= limit else { throw damaged("\(what) is \(value), at most \(limit) can be") }
        return value
    }

    /// How many elements follow, of at least `size` bytes each: never more than there are bytes for.
    mutating func count(ofElementsOf size: Int, _ what: String) throws(SnapshotError) -> Int {
        let value = try number()
        guard let count = Int(exactly: value), count <= remaining / max(size, 1) else {
            throw damaged("\(what) are said to be \(value), there is no room for as many")
        }
        return count
    }

    /// A byte.
    mutating func byte() throws(SnapshotError) -> UInt8 {
        guard position < end else { throw damaged("it ends too early") }
        defer { position += 1 }
        return bytes[position]
    }

    /// A yes or no.
    mutating func flag() throws(SnapshotError) -> Bool {
        let value = try byte()
        guard value <= 1 else { throw damaged("\(value) is neither yes nor no") }
        return value == 1
    }

    /// Bytes with their number before them.
    mutating func block(limit: Int, _ what: String) throws(SnapshotError) -> [UInt8] {
        let count = try count(ofElementsOf: 1, what)
        guard count <= limit else { throw damaged("\(what) are \(count) bytes, at most \(limit) can be") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Text; what is no UTF-8 is refused.
    mutating func text(limit: Int = 4096, _ what: String) throws(SnapshotError) -> String {
        let block = try block(limit: limit, what)
        guard let text = String(validating: block, as: UTF8.self) else { throw damaged("\(what) is no UTF-8") }
        return text
    }

    /// A value that may be absent.
    mutating func optional<Value>(
        _ body: (inout ByteReader) throws(SnapshotError) -> Value
    ) throws(SnapshotError) -> Value? {
        try flag() ? try body(&self) : nil
    }

    /// Checks that everything was read.
    func finish() throws(SnapshotError) {
        guard remaining == 0 else { throw damaged("\(remaining) bytes are left over") }
    }
}
