/// A line for the monitor, out of a `qRcmd` packet.
struct MonitorLine: Hashable, Sendable {
    /// The line.
    var text: String

    /// Reads a packet; nil for every other one.
    init?(_ packet: RawPacket) {
        guard packet.begins(with: "qRcmd,"), let bytes = HexText.decode(Array(packet.payload.dropFirst(6))) else {
            return nil
        }
        text = String(decoding: bytes, as: UTF8.self)
    }

    /// The payload of the packet for a line.
    static func packet(_ line: String) -> String {
        "qRcmd," + String(decoding: HexText.encode(line.utf8), as: UTF8.self)
    }

    /// Its words.
    private var words: [Substring] { text.split(whereSeparator: \.isWhitespace) }

    /// Whether QEMU lets the guest run for it, as far as words tell.
    var resumes: Bool { words.first.map { ["c", "cont", "loadvm", "system_wakeup"].contains($0) } ?? false }

    /// Whether QEMU only answers it: nothing in the guest or in QEMU changes.
    var isHarmless: Bool {
        guard let verb = words.first, !text.contains(where: \.isNewline) else { return false }
        return ["info", "help", "?", "x", "xp", "gva2gpa", "gpa2hva", "gpa2hpa", "print", "p"].contains(verb)
    }

    /// What follows the word that marks the proxy's own commands; nil for QEMU's.
    func rest(after prefix: String) -> String? {
        guard words.first?.elementsEqual(prefix) == true else { return nil }
        return String(text.drop(while: \.isWhitespace).dropFirst(prefix.count).drop(while: \.isWhitespace))
    }
}
