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
    ///
    /// The elements of a list are held against the first one of `known`.
    func firstKey(missingIn known: JSONTree, at path: String = "") -> (path: String, key: String, known: [String])? {
        switch (self, known) {
        case (.object(let members), .object(let knownMembers)):
            for (key, member) in members.sorted(by: { $0.key < $1.key }) {
                let keyPath = path.isEmpty ? key : path + "." + key
                guard let knownMember = knownMembers[key] ?? knownMembers[KernelProfile.anyKey] else {
                    return (keyPath, key, knownMembers.keys.sorted())
                }
                if let found = member.firstKey(missingIn: knownMember, at: keyPath) { return found }
            }
            return nil
        case (.array(let elements), .array(let knownElements)):
            guard let knownElement = knownElements.first else { return nil }
            for (index, element) in elements.enumerated() {
                if let found = element.firstKey(missingIn: knownElement, at: "\(path)[\(index)]") { return found }
            }
            return nil
        default:
            return nil
        }
    }

    /// What lies at a path of keys and indices; nil where there is nothing.
    subscript(path: some Sequence<any CodingKey>) -> JSONTree? {
        var tree = self
        for key in path {
            switch tree {
            case .object(let members):
                guard let member = members[key.stringValue] else { return nil }
                tree = member
            case .array(let elements):
                guard let index = key.intValue, elements.indices.contains(index) else { return nil }
                tree = elements[index]
            default: return nil
            }
        }
        return tree
    }
}
