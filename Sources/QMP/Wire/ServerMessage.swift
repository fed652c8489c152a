internal import FoundationEssentials

/// One line from the server, told apart by its members.
enum ServerMessage: Sendable {
    /// The first line of a connection.
    case greeting(Greeting)
    /// A command succeeded; the value stays in the line. An id that is not one of our numbers is nil.
    case reply(id: UInt64?)
    /// A command failed; no id means that the server could not read the request.
    case failure(id: UInt64?, errorClass: String, description: String)
    /// Something happened in the guest or in QEMU.
    case event(QMPEvent)

    init(line: [UInt8]) throws(QMPError) {
        let envelope: Envelope
        do {
            envelope = try JSONDecoder().decode(Envelope.self, from: Data(line))
        } catch {
            throw QMPError(
                .malformed,
                "the server sent a line that is not a QMP message: \"\(Excerpt.of(line))\"; "
                    + "check that the address is a QMP socket",
                cause: error)
        }
        if let greeting = envelope.greeting {
            self = .greeting(greeting)
        } else if let failure = envelope.failure {
            self = .failure(id: envelope.id, errorClass: failure.errorClass, description: failure.description)
        } else if envelope.hasReturn {
            self = .reply(id: envelope.id)
        } else if let event = envelope.event {
            self = .event(
                QMPEvent(
                    name: event, seconds: envelope.timestamp?.seconds ?? 0,
                    microseconds: envelope.timestamp?.microseconds ?? 0, line: line))
        } else {
            throw QMPError(
                .malformed,
                "the server sent JSON that is no QMP message: \"\(Excerpt.of(line))\"; "
                    + "check that the address is a QMP socket")
        }
    }

    private struct Failure: Decodable {
        var errorClass: String
        var description: String

        enum CodingKeys: String, CodingKey {
            case errorClass = "class"
            case description = "desc"
        }
    }

    private struct Timestamp: Decodable {
        var seconds: Int64
        var microseconds: Int64
    }

    private struct Envelope: Decodable {
        var greeting: Greeting?
        var failure: Failure?
        var hasReturn: Bool
        var id: UInt64?
        var event: String?
        var timestamp: Timestamp?

        enum CodingKeys: String, CodingKey {
            case greeting = "QMP"
            case failure = "error"
            case value = "return"
            case id, event, timestamp
        }

        init(from decoder: any Decoder) throws {
            let members = try decoder.container(keyedBy: CodingKeys.self)
            greeting = try members.decodeIfPresent(Greeting.self, forKey: .greeting)
            failure = try members.decodeIfPresent(Failure.self, forKey: .failure)
            hasReturn = members.contains(.value)
            // An id may be any JSON value; ours are numbers, so every other one belongs to nobody here.
            id = try? members.decodeIfPresent(UInt64.self, forKey: .id)
            event = try members.decodeIfPresent(String.self, forKey: .event)
            timestamp = try? members.decodeIfPresent(Timestamp.self, forKey: .timestamp)
        }
    }
}
