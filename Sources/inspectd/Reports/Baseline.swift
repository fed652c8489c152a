import FrameInspect
import Foundation

/// Findings that are known and left out.
struct Baseline: Sendable {
    private struct Document: Codable {
        struct Entry: Codable {
            var fingerprint: String
            var rule: String
            var subject: String
        }

        var schema: String
        var findings: [Entry]
    }

    private static let schema = "inspectd/baseline/1"
    /// The longest file that is read, in bytes.
    private static let maximumBytes = 16 << 20

    private let entries: [Document.Entry]

    /// A baseline of these findings.
    init(_ findings: [Finding]) {
        entries = findings.map { .init(fingerprint: $0.fingerprint, rule: $0.rule.rawValue, subject: $0.subject) }
            .sorted { ($0.rule, $0.subject) < ($1.rule, $1.subject) }
    }

    /// Reads a baseline.
    init(contentsOf path: String) throws {
        let bytes = try InputFile.bytes(path, what: "baseline", limit: Baseline.maximumBytes)
        let document: Document
        do {
            document = try JSONDecoder().decode(Document.self, from: Data(bytes))
        } catch {
            throw CommandError(
                .usage, "\(path) is no baseline: write one with 'inspectd audit --write-baseline \(path)'.")
        }
        guard document.schema == Baseline.schema else {
            throw CommandError(
                .usage,
                "\(path) is a baseline of the form '\(document.schema)', this program reads '\(Baseline.schema)': "
                    + "write it anew with --write-baseline.")
        }
        entries = document.findings
    }

    /// The fingerprints.
    var fingerprints: Set<String> { Set(entries.map(\.fingerprint)) }

    /// Writes it, complete or not at all.
    func write(to path: String) throws {
        let document = JSONValue.object([
            ("schema", .string(Baseline.schema)),
            (
                "findings",
                .array(
                    entries.map { entry in
                        .object([
                            ("fingerprint", .string(entry.fingerprint)), ("rule", .string(entry.rule)),
                            ("subject", .string(entry.subject)),
                        ])
                    })
            ),
        ])
        try FileOutput.write(to: path) { try $0.write(document.text) }
    }
}
