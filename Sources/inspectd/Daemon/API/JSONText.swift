import Foundation

/// JSON that clients send.
enum JSONText {
    /// Whether a text is one JSON object and nothing else.
    static func isObject(_ text: String) -> Bool {
        guard let value = try? JSONSerialization.jsonObject(with: Data(text.utf8)) else { return false }
        return value is [String: Any]
    }
}
