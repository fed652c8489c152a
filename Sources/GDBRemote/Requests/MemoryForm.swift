/// How a stub sends memory.
enum MemoryForm: Hashable, Sendable {
    /// `m`: as hexadecimal digits.
    case digits
    /// `x` of GDB 16 and later: a `b`, and the bytes.
    case markedBytes
    /// `x` of stubs that were made for LLDB: the bytes alone.
    case plainBytes

    /// A request for memory.
    func payload(address: UInt64, count: Int) -> [UInt8] {
        Array("\(letter(count: count))\(HexText.text(address)),\(HexText.text(count))".utf8)
    }

    /// Three bytes alone could be an error as well: those are asked for as digits.
    private func letter(count: Int) -> String { self == .digits || (self == .plainBytes && count == 3) ? "m" : "x" }

    /// About how many bytes the reply has.
    func replySize(count: Int) -> Int { self == .digits ? count &* 2 &+ 4 : count &+ count / 8 &+ 5 }

    /// The most bytes of memory that fit into one reply; where escapes make it longer, a stub sends less.
    func largestCount(packetSize: Int) -> Int {
        max(16, self == .digits ? (packetSize - 4) / 2 : packetSize - 5)
    }

    /// Puts the reply's memory into `target`.
    ///
    /// - Returns: How many bytes came; stubs may send fewer than were asked for. Nil for an error or nonsense.
    func decode(_ reply: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        switch self {
        case .plainBytes where target.count == 3: return MemoryForm.digits.decode(reply, into: target)
        case .digits:
            guard !reply.isEmpty, HexText.decode(reply, into: target) else { return nil }
            return reply.count / 2
        case .markedBytes:
            guard reply.first == 0x62, reply.count > 1 else { return nil }
            return copy(UnsafeRawBufferPointer(rebasing: reply[1...]), into: target)
        case .plainBytes:
            guard !reply.isEmpty, reply.count != 3 || !StubAnswer.isError(reply) else { return nil }
            return copy(reply, into: target)
        }
    }

    private func copy(_ bytes: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int? {
        guard bytes.count <= target.count else { return nil }
        target.copyMemory(from: bytes)
        return bytes.count
    }
}
