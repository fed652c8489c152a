/// `human-monitor-command`: runs a line of the human monitor and returns what it prints.
///
/// Errors come back as ordinary text too. ``QMPClient/monitor(_:timeout:)`` is the shorter way.
public struct HumanMonitorCommand: QMPCommand {
    /// The printed text, with the line ends of the monitor (CRLF).
    public typealias Reply = String
    /// The command's name on the wire.
    public static let name = "human-monitor-command"

    /// The line.
    public var line: String
    /// The processor that the line is about; nil for the monitor's default.
    public var processor: Int?

    /// A line for the human monitor.
    public init(_ line: String, processor: Int? = nil) {
        self.line = line
        self.processor = processor
    }

    enum CodingKeys: String, CodingKey {
        case line = "command-line"
        case processor = "cpu-index"
    }
}
