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

    /// Variables of the daemon.
    static let daemonNames = [
        "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "HOME", "NOTIFY_SOCKET", "WATCHDOG_USEC",
    ]

    /// All variables that the daemon looks at.
    static func all() -> [String: String] { values(terminalNames + optionNames + daemonNames) }

    /// Those variables that are set, by name.
    static func current() -> [String: String] {
        if let capture = CommandCapture.current { return capture.environment }
        return values(terminalNames + optionNames)
    }

    private static func values(_ names: [String]) -> [String: String] {
        var result: [String: String] = [:]
        for name in names {
            if let value = getenv(name) { result[name] = String(cString: value) }
        }
        return result
    }
}
