import Glibc
import Synchronization

/// A line on standard error that shows how far a long read is, with its rate and the time that is left.
///
/// Drawn only where standard error is a terminal, at most ten times a second, not before a fifth of a second has
/// passed, and erased at the end.
final class ProgressBar: Sendable {
    private struct State {
        var started: UInt64?
        var total: UInt64 = 0
        var drawn: UInt64 = 0
        var isVisible = false
    }

    private let label: String
    private let style: Style
    private let isEnabled: Bool
    private let state = Mutex(State())

    /// A bar for work named by a verb phrase: "Reading guest memory".
    init(_ label: String, terminal: Terminal) {
        self.label = label
        style = terminal.style
        isEnabled = terminal.isTerminal
    }

    /// Notes that `done` of `total` bytes are read; may be called from any thread and as often as wanted.
    ///
    /// Another total is another read, with a rate of its own.
    func update(done: UInt64, total: UInt64) {
        guard isEnabled else { return }
        let now = Self.clock()
        let line: String? = state.withLock { state in
            let started = state.total == total ? state.started ?? now : now
            (state.started, state.total) = (started, total)
            guard now &- started >= 200_000_000, now &- state.drawn >= 100_000_000 else { return nil }
            state.drawn = now
            state.isVisible = true
            return Self.line(label: label, done: done, total: total, nanoseconds: now &- started, style: style)
        }
        if let line { Self.write("\r\u{1B}[K" + line) }
    }

    /// Erases the bar; the next update starts a new one.
    func finish() {
        let wasVisible = state.withLock { state in
            defer { state = State() }
            return state.isVisible
        }
        if wasVisible { Self.write("\r\u{1B}[K") }
    }

    /// The bar as text, no wider than the terminal less one column.
    static func line(label: String, done: UInt64, total: UInt64, nanoseconds: UInt64, style: Style) -> String {
        let done = min(done, total)
        let share = total == 0 ? 1 : Double(done) / Double(total)
        let rate = nanoseconds == 0 ? 0 : Double(done) * 1e9 / Double(nanoseconds)
        let rest = rate > 0 ? UInt64(min(Double(total - done) / rate * 1e9, 1e18)) : 0
        var facts = Format.fixed(share * 100, decimals: 0) + "%"
        facts = String(repeating: " ", count: max(0, 4 - facts.count)) + facts
        // Every part keeps its width, so that the bar does not jump.
        let whole = Format.fixed(Double(total) / 1_048_576, decimals: 0)
        facts += "  " + padded(Format.fixed(Double(done) / 1_048_576, decimals: 0), to: whole.count)
        facts += "/" + whole + " MiB"
        facts += "  " + padded(Format.fixed(rate / 1_048_576, decimals: 1), to: 5) + " MiB/s"
        facts += "  " + padded(rate > 0 ? remaining(rest) : "?", to: 4) + " left"
        let available = (style.width ?? 80) - 1
        let room = available - label.count - facts.count - 4
        guard room >= 8 else { return DisplayText.cut(label + facts, to: available, ellipsis: style.ellipsis) }
        let width = min(room, 40)
        return label + "  " + style.paint(bar(share: share, width: width, style: style), .accent) + " " + facts
    }

    /// Whole seconds, rounded up: `7 s`, `2 min 05 s`.
    private static func remaining(_ nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 > 0 ? 1 : 0)
        return seconds < 60 ? "\(seconds) s" : Format.duration(nanoseconds: seconds * 1_000_000_000)
    }

    private static func padded(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// A horizontal bar of `width` columns, in eighths of a column where the signs exist.
    static func bar(share: Double, width: Int, style: Style) -> String {
        let share = share.isFinite ? min(max(share, 0), 1) : 0
        guard style.unicode else {
            let filled = Int(share * Double(width))
            return String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
        }
        let eighths = Int((share * Double(width * 8)).rounded())
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        let text = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
        return text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
