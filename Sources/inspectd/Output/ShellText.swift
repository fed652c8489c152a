/// Words for a POSIX shell.
enum ShellText {
    /// The word as it is where that is safe, otherwise in single quotes.
    static func quoted(_ text: String) -> String {
        let isSafe =
            !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case 0x2F, 0x2E, 0x2D, 0x5F, 0x3A, 0x2C, 0x3D, 0x40, 0x2B: true
                default: false
                }
            }
        if isSafe { return text }
        var result = "'"
        for character in text { result += character == "'" ? "'\\''" : String(character) }
        return result + "'"
    }
}
