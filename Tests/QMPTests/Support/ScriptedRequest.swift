/// What a client asked.
struct ScriptedRequest: Decodable, Sendable {
    struct Arguments: Decodable, Sendable {
        var enable: [String]?
        var line: String?

        enum CodingKeys: String, CodingKey {
            case enable
            case line = "command-line"
        }
    }

    var execute: String
    var id: UInt64
    var arguments: Arguments?
}
