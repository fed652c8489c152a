/// A processor and the thread that runs it, as `info cpus` prints it.
public struct MonitorProcessor: Hashable, Sendable {
    /// The processor's number.
    public var index: Int
    /// Whether the human monitor's commands are about this one.
    public var isCurrent: Bool
    /// Id of the thread in QEMU's process.
    public var threadID: Int
    /// The processor's model, where the version prints it.
    public var model: String?

    /// Reads the reply to `info cpus`.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` and the line.
    public static func parse(_ text: String) throws(QMPError) -> [MonitorProcessor] {
        try MonitorText.rejectRefusal(text, of: "info cpus")
        var processors: [MonitorProcessor] = []
        for line in MonitorText.lines(text) {
            guard processors.count < ProcessorRegisters.processorLimit, let processor = MonitorProcessor(line) else {
                throw .malformedLine(line, of: "info cpus", because: "is no processor")
            }
            processors.append(processor)
        }
        return processors
    }

    private init?(_ line: Substring) {
        let fields = line.dropFirst().split(separator: " ")
        guard line.hasPrefix("*") || line.hasPrefix(" "), fields.count >= 3, fields[0] == "CPU",
            fields[1].hasPrefix("#"), fields[1].hasSuffix(":"), let index = Int(fields[1].dropFirst().dropLast()),
            index >= 0, fields[2].hasPrefix("thread_id="), let threadID = Int(fields[2].dropFirst(10))
        else { return nil }
        self.index = index
        self.threadID = threadID
        isCurrent = line.hasPrefix("*")
        model = fields.dropFirst(3).first { $0.hasPrefix("model=") }.map { String($0.dropFirst(6)) }
    }
}
