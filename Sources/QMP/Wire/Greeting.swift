/// What the server says first: its version and the capabilities that it offers.
struct Greeting: Decodable, Sendable {
    var version: QMPVersion
    var capabilities: [String]

    enum CodingKeys: String, CodingKey {
        case version, capabilities
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        version = try members.decode(QMPVersion.self, forKey: .version)
        capabilities = try members.decodeIfPresent([String].self, forKey: .capabilities) ?? []
    }
}
