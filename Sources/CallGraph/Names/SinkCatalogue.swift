/// Which functions a hook must not reach, by name: data of a kernel profile.
public struct SinkCatalogue: Hashable, Sendable, Codable {
    /// The form of catalogue that this program reads.
    public static let supportedVersion = 1

    /// The functions of one kind.
    public struct Entry: Hashable, Sendable, Codable {
        /// What reaching one of them means.
        public var kind: SinkKind
        /// What the functions do, in a few words that complete "the hook reaches a function that …".
        public var text: String
        /// The functions.
        public var names: [NamePattern]
        /// Functions that `names` would match and that are harmless in themselves: they are followed like any other.
        public var except: [NamePattern]?

        /// Functions of one kind.
        public init(kind: SinkKind, text: String, names: [NamePattern], except: [NamePattern]? = nil) {
            self.kind = kind
            self.text = text
            self.names = names
            self.except = except
        }
    }

    /// The form of the catalogue: 1.
    public var version: Int
    /// The functions, by kind.
    public var functions: [Entry]

    /// A catalogue.
    public init(version: Int = supportedVersion, functions: [Entry]) {
        self.version = version
        self.functions = functions
    }

    /// A function that the catalogue knows.
    struct Match: Hashable, Sendable {
        var kind: SinkKind
        var pattern: String
        var text: String
    }

    /// What reaching a function of this demangled name means; nil for functions that the catalogue does not name.
    public func kind(ofFunction name: String) -> SinkKind? { match(name)?.kind }

    /// What the catalogue says of a function; the first entry that matches counts.
    func match(_ name: String) -> Match? {
        let paths = NamePattern.paths(of: name)
        for entry in functions {
            for pattern in entry.names where paths.contains(where: pattern.matches) {
                if let except = entry.except, except.contains(where: { paths.contains(where: $0.matches) }) { break }
                return Match(kind: entry.kind, pattern: pattern.description, text: entry.text)
            }
        }
        return nil
    }
}
