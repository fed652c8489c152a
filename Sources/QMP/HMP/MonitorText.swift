/// What the human monitor prints, line by line.
enum MonitorText {
    /// Replaces CRLF by LF.
    static func normalised(_ text: String) -> String {
        guard text.utf8.contains(0x0d) else { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if byte == 0x0a, bytes.last == 0x0d { bytes.removeLast() }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The lines without their ends; empty ones are left out.
    static func lines(_ text: String) -> [Substring] {
        // CRLF is one Character in Swift, so the bytes are cut instead.
        text.utf8.split(separator: 0x0a).compactMap { line in
            let end = line.last == 0x0d ? line.index(before: line.endIndex) : line.endIndex
            return line.startIndex == end ? nil : Substring(line[line.startIndex..<end])
        }
    }

    /// Throws where the text is an error of the monitor instead of a reply.
    ///
    /// - Throws: ``QMPError`` with code `.command(class: "HumanMonitor")`.
    static func rejectRefusal(_ text: String, of command: String) throws(QMPError) {
        let lines = lines(text)
        guard let line = lines.first else { return }
        let openings = [
            "Error: ", "unknown command", "invalid ", "Invalid ", "No CPU available", "No CPU", "Command '",
            "Try \"help",
            "Cannot ", "PG disabled", "(qemu) ",
        ]
        // What is wrong with an argument stands above the offer of help.
        let offersHelp = lines.count == 2 && lines[1].hasPrefix("Try \"help ")
        guard offersHelp || openings.contains(where: line.hasPrefix) || line.contains("extraneous characters") else {
            return
        }
        throw QMPError(
            .command(class: QMPError.humanMonitorClass),
            "QEMU's monitor refused `\(command)`: \"\(Excerpt.of(line))\"")
    }

    /// Reads hexadecimal digits, with or without `0x`; nil for anything else or more than 64 bits.
    static func hexadecimal(_ text: some StringProtocol) -> UInt64? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isHexadecimal($0) }) else { return nil }
        return UInt64(digits, radix: 16)
    }

    /// Reads flags that are shown as their letter or as `-`; nil for anything else.
    static func flags(_ text: Substring, _ letters: String) -> [Bool]? {
        guard text.utf8.count == letters.utf8.count else { return nil }
        var flags: [Bool] = []
        for (shown, letter) in zip(text.utf8, letters.utf8) {
            guard shown == letter || shown == UInt8(ascii: "-") else { return nil }
            flags.append(shown == letter)
        }
        return flags
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }
}
