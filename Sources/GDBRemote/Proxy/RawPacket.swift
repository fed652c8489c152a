/// A packet as it travels: `$payload#checksum`, special characters still escaped.
struct RawPacket: Hashable, Sendable {
    /// All of its bytes.
    var bytes: [UInt8]

    /// A packet that was cut out of a stream.
    init(bytes: [UInt8]) { self.bytes = bytes }

    /// A packet of text of our own.
    init(_ text: String) { bytes = Packet.encode(text) }

    /// What is between `$` and `#`, as it travels.
    var payload: ArraySlice<UInt8> { bytes.count >= 4 ? bytes[1..<(bytes.count - 3)] : [] }

    /// The payload as text; only for packets that hold no bytes beyond ASCII.
    var text: String { String(decoding: payload, as: UTF8.self) }

    /// Whether the payload begins with a word.
    func begins(with word: String) -> Bool { payload.starts(with: word.utf8) }

    /// Whether the payload is a word.
    func equals(_ word: String) -> Bool { payload.elementsEqual(word.utf8) }

    /// Whether it says that the stub did what was asked.
    var isOK: Bool { equals("OK") }

    /// Whether it is a stop reply: `T05thread:01;`, `S05`, `W00`, `X0f`.
    var isStop: Bool {
        bytes.withUnsafeBytes { all in
            guard all.count >= 4 else { return false }
            return StopReply.isStop(UnsafeRawBufferPointer(rebasing: all[1..<(all.count - 3)]))
        }
    }

    /// Whether it is console output: `O` and hexadecimal digits, possibly none.
    var isConsole: Bool {
        payload.first == 0x4F && payload.dropFirst().allSatisfy { HexText.value($0) != nil }
            && !payload.count.isMultiple(of: 2)
    }
}
