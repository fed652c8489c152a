import Glibc

/// What stands behind a file descriptor: a terminal with its size and colours, or a pipe or file.
struct Terminal: Sendable, Equatable {
    /// Whether it is a terminal.
    var isTerminal: Bool
    /// How renderers shall write to it.
    var style: Style

    /// Decides from facts alone, so that every case can be tested.
    ///
    /// Colours: `--color` decides; otherwise `NO_COLOR` (not empty) says no, `CLICOLOR_FORCE` (not empty, not 0) says yes,
    /// `TERM=dumb` says no, and a terminal gets them. Width: the terminal's own, then `COLUMNS`, then 80 on a terminal.
    init(isTerminal: Bool, size: (columns: Int, rows: Int)?, environment: [String: String], colour: ColourChoice) {
        func value(_ name: String) -> String? {
            guard let value = environment[name], !value.isEmpty else { return nil }
            return value
        }
        self.isTerminal = isTerminal
        let term = value("TERM") ?? ""
        let wantsColour: Bool
        switch colour {
        case .always: wantsColour = true
        case .never: wantsColour = false
        case .auto:
            if value("NO_COLOR") != nil {
                wantsColour = false
            } else if let force = value("CLICOLOR_FORCE"), force != "0" {
                wantsColour = true
            } else {
                wantsColour = isTerminal && term != "dumb"
            }
        }
        var style = Style()
        if wantsColour {
            let deep = value("COLORTERM").map { $0 == "truecolor" || $0 == "24bit" } ?? false
            if deep || term.hasSuffix("-direct") {
                style.colour = .direct
            } else if term.isEmpty || term == "dumb" || term.hasSuffix("256color") {
                style.colour = .indexed
            } else {
                style.colour = .basic
            }
        }
        let locale = value("LC_ALL") ?? value("LC_CTYPE") ?? value("LANG")
        let charset = locale.map { $0.lowercased() } ?? "utf-8"
        let isUTF8 = charset.hasSuffix("utf-8") || charset.hasSuffix("utf8")
        style.unicode = isUTF8 && (isTerminal ? term != "dumb" : wantsColour)
        style.isInteractive = isTerminal
        let columns = value("COLUMNS").flatMap { Int($0) }.flatMap { (1...10_000).contains($0) ? $0 : nil }
        if isTerminal {
            style.width = size.flatMap { $0.columns > 0 ? $0.columns : nil } ?? columns ?? 80
            style.height = size.flatMap { $0.rows > 0 ? $0.rows : nil }
        } else if wantsColour {
            style.width = columns
        }
        self.style = style
    }

    /// Looks at a descriptor of this process.
    init(descriptor: Int32, colour: ColourChoice) {
        let isTerminal = isatty(descriptor) == 1
        var size: (columns: Int, rows: Int)?
        var window = winsize()
        if isTerminal, ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 {
            size = (Int(window.ws_col), Int(window.ws_row))
        }
        self.init(isTerminal: isTerminal, size: size, environment: ProcessEnvironment.current(), colour: colour)
    }
}
