internal import FoundationEssentials

/// Something that QEMU reports by itself, for example `STOP` or `SHUTDOWN`.
public struct QMPEvent: Sendable {
    /// The event's name in capitals.
    public let name: String
    /// When it happened, in seconds since 1970; -1 where the host's clock failed.
    public let seconds: Int64
    /// Microseconds within the second.
    public let microseconds: Int64
    /// The whole message as JSON, without the line end.
    public let line: [UInt8]

    init(name: String, seconds: Int64, microseconds: Int64, line: [UInt8]) {
        self.name = name
        self.seconds = seconds
        self.microseconds = microseconds
        self.line = line
    }

    /// The event's data; nil where it has none.
    ///
    /// - Throws: ``QMPError`` with code `.malformed` where the data does not have this form.
    public func data<Value: Decodable>(as type: Value.Type) throws(QMPError) -> Value? {
        do {
            return try JSONDecoder().decode(Message<Value>.self, from: Data(line)).data
        } catch {
            throw QMPError(
                .malformed, "the data of the event \(name) does not have the expected form: \"\(Excerpt.of(line))\"",
                cause: error)
        }
    }

    private struct Message<Value: Decodable>: Decodable {
        var data: Value?
    }
}
