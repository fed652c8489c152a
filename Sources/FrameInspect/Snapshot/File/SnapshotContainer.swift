/// A snapshot's file as parts with checksums: the form alone, not what the parts mean.
///
/// See docs/snapshot-format.md. Nothing is believed before the checksum around it was compared.
struct SnapshotContainer: Sendable {
    /// What a part holds.
    enum Tag: String, Sendable {
        case kernel = "KERN"
        case provenance = "PROV"
        case slots = "SLOT"
        case ownership = "OWNR"
        case mappings = "MAPX"
    }

    /// A part of a file.
    struct Part: Sendable {
        var tag: Tag
        /// Where its content is, in bytes of the file.
        var range: Range<Int>
    }

    /// The first bytes: no text, so that a transfer that changes line ends is noticed.
    static let magic: [UInt8] = [0x89, 0x46, 0x49, 0x53, 0x0D, 0x0A, 0x1A, 0x0A]
    /// The form that is written.
    static let version: UInt32 = 1
    /// The largest file, in bytes: two of them are held for a comparison.
    static let maximumBytes = 128 << 20

    private static let headerBytes = 32
    private static let partHeaderBytes = 24

    /// The whole file.
    let bytes: [UInt8]
    /// The parts in their order.
    let parts: [Part]

    // MARK: Writing

    /// A file of the given parts.
    ///
    /// - Throws: ``SnapshotError`` with code `.tooLarge`.
    init(_ contents: [(tag: Tag, bytes: [UInt8])]) throws(SnapshotError) {
        let size = contents.reduce(Self.headerBytes) { $0 + Self.partHeaderBytes + $1.bytes.count }
        guard size <= Self.maximumBytes else {
            throw SnapshotError(
                .tooLarge,
                "the snapshot would take \(size >> 20) MiB, at most \(Self.maximumBytes >> 20) MiB are written: hardly two "
                    + "neighbouring slots are alike, does the profile describe this kernel?")
        }
        var writer = ByteWriter()
        for byte in Self.magic { writer.put(byte: byte) }
        writer.put(fixed: Self.version)
        writer.put(fixed: UInt32(contents.count))
        writer.put(fixed: UInt64(size))
        writer.put(fixed: StableHash.value(of: writer.bytes))
        var bytes = writer.bytes
        bytes.reserveCapacity(size)
        var parts: [Part] = []
        for (tag, content) in contents {
            var header = ByteWriter()
            for byte in tag.rawValue.utf8 { header.put(byte: byte) }
            header.put(fixed: UInt32(parts.count))
            header.put(fixed: UInt64(content.count))
            let checksum = Self.checksum(header.bytes[...], content[...])
            header.put(fixed: checksum)
            bytes += header.bytes
            parts.append(Part(tag: tag, range: bytes.count..<bytes.count + content.count))
            bytes += content
        }
        self.bytes = bytes
        self.parts = parts
    }

    // MARK: Reading

    /// Takes a file apart.
    ///
    /// - Throws: ``SnapshotError`` with code `.damaged` or `.unknownVersion`.
    init(reading bytes: [UInt8]) throws(SnapshotError) {
        guard bytes.count >= Self.magic.count, bytes.starts(with: Self.magic) else {
            throw SnapshotError(
                .damaged, "this is no snapshot, or its beginning is damaged; write one with 'inspectd snapshot'", at: 0)
        }
        guard bytes.count <= Self.maximumBytes else {
            throw .damaged("file", "it is larger than any snapshot (\(Self.maximumBytes >> 20) MiB)")
        }
        guard bytes.count >= Self.headerBytes else { throw .damaged("header", "the file ends in it", at: bytes.count) }
        var header = ByteReader(bytes, Self.magic.count..<Self.headerBytes, part: "header")
        let version = try header.fixed(UInt32.self)
        let partCount = try header.fixed(UInt32.self)
        let size = try header.fixed(UInt64.self)
        guard try header.fixed(UInt64.self) == StableHash.value(of: bytes[..<(Self.headerBytes - 8)]) else {
            throw .damaged("header", "its checksum is another one")
        }
        guard version == Self.version else {
            throw SnapshotError(
                .unknownVersion,
                "the snapshot has form \(version), this program reads form \(Self.version): use the program that wrote it"
            )
        }
        guard UInt64(bytes.count) == size else {
            throw .damaged("file", "it has \(bytes.count) bytes where \(size) were written", at: bytes.count)
        }
        var parts: [Part] = []
        var position = Self.headerBytes
        for number in 0..<partCount {
            let name = "part \(number)"
            guard bytes.count - position >= Self.partHeaderBytes else {
                throw .damaged(name, "the file ends before it", at: position)
            }
            var reader = ByteReader(bytes, position..<position + Self.partHeaderBytes, part: name)
            let tagBytes = [try reader.byte(), try reader.byte(), try reader.byte(), try reader.byte()]
            let index = try reader.fixed(UInt32.self)
            let length = try reader.fixed(UInt64.self)
            let checksum = try reader.fixed(UInt64.self)
            let start = position + Self.partHeaderBytes
            guard index == number, length <= UInt64(bytes.count - start) else {
                throw .damaged(name, "its header makes no sense", at: position)
            }
            let range = start..<start + Int(length)
            guard Self.checksum(bytes[position..<position + 16], bytes[range]) == checksum else {
                throw .damaged(name, "its checksum is another one", at: position)
            }
            guard let tag = Tag(rawValue: String(decoding: tagBytes, as: UTF8.self)) else {
                throw .damaged(name, "its kind is not known", at: position)
            }
            parts.append(Part(tag: tag, range: range))
            position = range.upperBound
        }
        guard position == bytes.count else { throw .damaged("file", "something follows the last part", at: position) }
        self.bytes = bytes
        self.parts = parts
    }

    /// The content of a part.
    func reader(_ part: Part) -> ByteReader { ByteReader(bytes, part.range, part: "part \(part.tag.rawValue)") }

    /// Over the part's header without its last eight bytes, then its content.
    private static func checksum(_ header: ArraySlice<UInt8>, _ content: ArraySlice<UInt8>) -> UInt64 {
        StableHash.value(of: content, after: StableHash.value(of: header))
    }
}
