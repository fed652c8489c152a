import Glibc

/// The environment variables that the program looks at.
enum ProcessEnvironment {
    /// Variables of the terminal.
    static let terminalNames = [
        "NO_COLOR", "CLICOLOR_FORCE", "TERM", "COLORTERM", "COLUMNS", "LC_ALL", "LC_CTYPE", "LANG",
    ]

    /// Variables that stand for options; each one's flag wins over it.
    static let optionNames = [
        "INSPECTD_QMP", "INSPECTD_GDB", "INSPECTD_CORE", "INSPECTD_KERNEL", "INSPECTD_PROFILE", "INSPECTD_SLIDE",
        "INSPECTD_ANCHOR", "INSPECTD_MEMORY", "INSPECTD_CONSISTENCY", "INSPECTD_TIMEOUT",
    ]

    /// Those variables that are set, by name.
    static func current() -> [String: String] {
        var result: [String: String] = [:]
        for name in terminalNames + optionNames {
            if let value = getenv(name) { result[name] = String(cString: value) }
        }
        return result
    }
}
