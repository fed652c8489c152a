import CAssets
import Foundation

/// What the description of the API says of its paths.
struct APIDescription: Sendable {
    private let paths: [(parts: [Substring], methods: [String])]

    /// Reads the description that the daemon serves.
    init() {
        guard let asset = fi_asset("openapi.json")?.pointee,
            let document = try? JSONSerialization.jsonObject(with: Data(bytes: asset.bytes, count: asset.count)),
            let members = document as? [String: Any], let paths = members["paths"] as? [String: [String: Any]]
        else {
            paths = []
            return
        }
        self.paths = paths.map { ($0.key.split(separator: "/"), $0.value.keys.map { $0.uppercased() }.sorted()) }
    }

    /// The methods of a path; nil where there is no such path.
    func methods(of path: String) -> [String]? {
        let parts = path.split(separator: "/")
        return paths.first { template in
            template.parts.count == parts.count
                && zip(template.parts, parts).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
        }?.methods
    }
}
