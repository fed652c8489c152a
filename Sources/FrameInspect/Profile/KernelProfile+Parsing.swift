import FoundationEssentials

extension KernelProfile {
    /// Longest profile that is read, in bytes.
    public static let maximumBytes = 1 << 20

    /// Reads a profile from JSON and checks it.
    ///
    /// - Throws: ``ProfileError``: not JSON, another version, keys that are unknown or missing (with their path), values of the
    ///   wrong type, or values that cannot be.
    public init(parsing bytes: [UInt8]) throws(ProfileError) {
        guard bytes.count <= KernelProfile.maximumBytes else {
            throw ProfileError(
                .malformed,
                "the profile has \(bytes.count) bytes; profiles are JSON files of at most 1 MiB: is it the right file?")
        }
        let data = Data(bytes)
        do {
            let version = try JSONDecoder().decode(VersionOnly.self, from: data).profileVersion
            guard version == KernelProfile.supportedVersion else {
                throw ProfileError(
                    .unsupportedVersion,
                    "the profile says \"profileVersion\": \(version), this program reads \(KernelProfile.supportedVersion)",
                    path: "profileVersion")
            }
            let tree = try JSONDecoder().decode(JSONTree.self, from: data)
            let profile: KernelProfile
            do {
                profile = try JSONDecoder().decode(KernelProfile.self, from: data)
            } catch DecodingError.keyNotFound(let key, let context) {
                throw ProfileError.missing(key, context, in: tree)
            }
            let keys = try JSONDecoder().decode(JSONTree.self, from: JSONEncoder().encode(KernelProfile.template))
            if let (path, key, known) = tree.firstKey(missingIn: keys) {
                throw ProfileError.unknownKey(path, key: key, known: known)
            }
            try profile.validate()
            self = profile
        } catch let error as ProfileError {
            throw error
        } catch let error as DecodingError {
            throw ProfileError(error)
        } catch {
            throw ProfileError(.malformed, "the profile cannot be read: \(error)")
        }
    }

    /// Reads a profile that the tests have checked: only what the decoder itself finds is an error.
    init(trusted bytes: [UInt8]) throws(ProfileError) {
        do {
            self = try JSONDecoder().decode(KernelProfile.self, from: Data(bytes))
        } catch {
            throw ProfileError(.malformed, "the built-in profile cannot be read: \(error)")
        }
    }

    /// The profile as JSON text with sorted keys.
    public func json() -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { [UInt8]($0) } ?? []
    }

    private struct VersionOnly: Decodable {
        var profileVersion: Int
    }
}

extension ProfileError {
    fileprivate static func path(_ keys: [any CodingKey]) -> String {
        var text = ""
        for key in keys {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        return text
    }

    fileprivate static func missing(
        _ key: any CodingKey, _ context: DecodingError.Context, in tree: JSONTree
    ) -> ProfileError {
        let path = path(context.codingPath + [key])
        var siblings: [String] = []
        if case .object(let members)? = tree[context.codingPath] { siblings = Array(members.keys) }
        let hint = Suggestion.closest(to: key.stringValue, among: siblings).map { "; is it written \($0) there?" } ?? ""
        return ProfileError(.missingKey, "the profile has no key \(path), which is needed\(hint)", path: path)
    }

    fileprivate static func unknownKey(_ path: String, key: String, known: [String]) -> ProfileError {
        let candidate = Suggestion.closest(to: key, among: known)
        let hint = candidate.map { "did you mean \($0)?" } ?? "known there: \(known.joined(separator: ", "))"
        return ProfileError(.unknownKey, "the profile has a key \(path) that means nothing; \(hint)", path: path)
    }

    fileprivate init(_ error: DecodingError) {
        switch error {
        case .keyNotFound(let key, let context):
            let path = ProfileError.path(context.codingPath + [key])
            self.init(.missingKey, "the profile has no key \(path), which is needed", path: path)
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let path = ProfileError.path(context.codingPath)
            let place = path.isEmpty ? "the profile" : "profile key \(path)"
            self.init(.wrongType, "\(place) is not of the type needed here: \(ProfileError.name(of: type))", path: path)
        case .dataCorrupted(let context):
            let path = ProfileError.path(context.codingPath)
            if path.isEmpty {
                // The decoder does not tell where.
                self.init(.malformed, "the profile is not JSON; 'python3 -m json.tool FILE' shows where it breaks off")
            } else {
                self.init(.wrongType, "profile key \(path): \(context.debugDescription)", path: path)
            }
        @unknown default:
            self.init(.malformed, "the profile cannot be read: \(error)")
        }
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Int.Type, is UInt64.Type, is ProfileNumber.Type: "a number"
        case is Bool.Type: "true or false"
        case is [String: Any].Type: "an object"
        case is [Any].Type: "a list"
        default: "\(type)"
        }
    }
}
