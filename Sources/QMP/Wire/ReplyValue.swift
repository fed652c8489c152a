internal import FoundationEssentials

/// The value in a reply's line.
struct ReplyValue<Value: Decodable>: Decodable {
    var value: Value

    enum CodingKeys: String, CodingKey {
        case value = "return"
    }

    static func decode(_ line: [UInt8], of command: String) throws(QMPError) -> Value {
        do {
            return try JSONDecoder().decode(Self.self, from: Data(line)).value
        } catch {
            throw QMPError(
                .malformed,
                "the reply to \(command) does not have the expected form: \"\(Excerpt.of(line))\"; "
                    + "this version of QEMU may answer differently",
                cause: error)
        }
    }
}
