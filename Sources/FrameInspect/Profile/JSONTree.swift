/// The shape of a JSON document: which keys there are, without the values.
enum JSONTree: Decodable {
    case object([String: JSONTree])
    case array([JSONTree])
    case null
    case value

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int?

        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }

    init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: AnyKey.self) {
            var members: [String: JSONTree] = [:]
            for key in container.allKeys {
                members[key.stringValue] = try container.decode(JSONTree.self, forKey: key)
            }
            self = .object(members)
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONTree] = []
            while !container.isAtEnd { elements.append(try container.decode(JSONTree.self)) }
            self = .array(elements)
        } else {
            let container = try decoder.singleValueContainer()
            self = container.decodeNil() ? .null : .value
        }
    }

    /// The path of the first key, in alphabetical order, that `known` does not have, and the keys it has in that place.
    func firstKey(missingIn known: JSONTree, at path: String = "") -> (path: String, known: [String])? {
        switch (self, known) {
        case (.object(let members), .object(let knownMembers)):
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                if case .null = member { continue }
                let keyPath = path.isEmpty ? key : path + "." + key
                guard let knownMember = knownMembers[key] else { return (keyPath, knownMembers.keys.sorted()) }
                if let found = member.firstKey(missingIn: knownMember, at: keyPath) { return found }
            }
            return nil
        case (.array(let elements), .array(let knownElements)):
            for (index, (element, knownElement)) in zip(elements, knownElements).enumerated() {
                if let found = element.firstKey(missingIn: knownElement, at: "\(path)[\(index)]") { return found }
            }
            return nil
        default:
            return nil
        }
    }
}
