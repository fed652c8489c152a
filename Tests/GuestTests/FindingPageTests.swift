import Foundation
import GuestTesting
import Testing

/// A finding of the catalogue, as its page must present it.
struct CataloguedFinding: Sendable, CustomTestStringConvertible {
    var identifier: String
    var severity: String
    /// Whether only a trace of the running guest shows it.
    var isTraced: Bool
    var testDescription: String { identifier }

    static let all: [CataloguedFinding] =
        table(
            "error",
            """
            vtable-misaligned vtable-unmapped vtable-writable vtable-dangling vtable-on-free-frame hook-not-executable
            hook-not-function hook-allocates hook-locks hook-panics hook-enables-irqs hook-blocks pin-orphaned
            reference-mismatch reference-unowned mapping-of-free-frame mapping-exceeds-references freelist-cycle
            freelist-broken-link freelist-wrong-state free-unlisted order-misaligned block-overlap poison-half-set
            poison-recycled quarantine-count-mismatch flags-contradict sentinel-broken
            """)
        + table(
            "warning",
            "vtable-reserved-nonzero vtable-symbol-mismatch hook-dead hook-partial pin-stale capability-unmapped")
        + table("note", "vtable-empty hook-unproven")
        + table(
            "error",
            """
            hook-irqs-enabled hook-lock-held hook-called-twice hook-not-called hook-wrong-order hook-reentered
            """, isTraced: true)

    private static func table(_ severity: String, _ identifiers: String, isTraced: Bool = false) -> [CataloguedFinding]
    {
        identifiers.split(whereSeparator: \.isWhitespace).map {
            CataloguedFinding(identifier: String($0), severity: severity, isTraced: isTraced)
        }
    }
}

/// Every finding has a page that can be read in a terminal.
@Suite struct FindingPageTests {
    private static let folder = "\(GuestBuild.packageRoot)/docs/findings"

    private static func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8).components(separatedBy: "\n")
    }

    @Test(arguments: CataloguedFinding.all)
    func everyFindingHasAPage(_ finding: CataloguedFinding) throws {
        let lines = try Self.lines("\(finding.identifier).md")
        #expect(lines.first == "# \(finding.identifier)")
        #expect(lines.dropFirst().first { !$0.isEmpty } == "severity: \(finding.severity)")
        let sections = [
            "## What it means", "## How to confirm it by hand", "## How to fix it",
            "## When it is legitimate / what is not reported",
        ]
        #expect(lines.filter { $0.hasPrefix("## ") } == sections)
        #expect(lines.last == "", "ends with a newline")
        #expect((15...45).contains(lines.count))
        #expect(lines.allSatisfy { $0.count <= 100 })
    }

    @Test func theIndexNamesEveryPage() throws {
        let rows = try Self.lines("README.md").filter { $0.hasPrefix("| [") }
        #expect(rows.count == CataloguedFinding.all.count)
        for finding in CataloguedFinding.all {
            let start = "| [\(finding.identifier)](\(finding.identifier).md) | \(finding.severity) | "
            #expect(rows.contains { $0.hasPrefix(start) }, "\(finding.identifier)")
        }
        let pages = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        #expect(Set(pages) == Set(CataloguedFinding.all.map { "\($0.identifier).md" } + ["README.md"]))
    }
}
