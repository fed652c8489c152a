internal import FoundationEssentials

/// A command on its way: `{"execute": NAME, "arguments": {...}, "id": NUMBER}` and a line end.
struct Request<Command: QMPCommand>: Encodable {
    var command: Command
    var id: UInt64

    enum CodingKeys: String, CodingKey {
        case execute, arguments, id
    }

    func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: CodingKeys.self)
        try members.encode(Command.name, forKey: .execute)
        try members.encode(command, forKey: .arguments)
        try members.encode(id, forKey: .id)
    }

    /// The bytes of the line.
    ///
    /// - Throws: ``QMPError`` with code `.usage` where an argument has no JSON form.
    func line() throws(QMPError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        do {
            var bytes = [UInt8](try encoder.encode(self))
            bytes.append(0x0a)
            return bytes
        } catch {
            throw QMPError(
                .usage, "the arguments of \(Command.name) cannot be sent as JSON; correct the caller's values",
                cause: error)
        }
    }
}
