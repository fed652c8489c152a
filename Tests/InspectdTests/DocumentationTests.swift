import Foundation
import GuestTesting
import Testing

/// What the documents claim is what there is.
@Suite struct DocumentationTests {
    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: GuestBuild.packageRoot + "/" + path, encoding: .utf8)
    }

    @Test(arguments: ["README.md", "Sources/FrameInspect/FrameInspect.docc/AttachAndCountPinnedFrames.md"])
    func theProgramInTheTextIsTheOneThatIsCompiled(_ path: String) throws {
        let program = try Self.text("Examples/CountPinned/CountPinned.swift")
        #expect(try Self.text(path).contains("```swift\n\(program)```\n"))
    }

    @Test(.timeLimit(.minutes(2))) func theProgramCountsPinnedFrames() async throws {
        let program = try Program()
        try await TestGuest.with(.init(.release, megabytes: 64, backend: .sharedMemfd)) { guest in
            try await guest.churnAndFreeze(seed: 3, operations: 2000)
            let example = URL(fileURLWithPath: Program.path).deletingLastPathComponent().appendingPathComponent(
                "CountPinned")
            let run = try await program.shell("'\(example.path)' '\(guest.qmpSocket)' '\(guest.kernel)'")
            let target = "--qmp \(guest.qmpSocket) --kernel \(guest.kernel)"
            let rows = try await program.output("dump --format ndjson --where refcount>1 \(target)").split(
                separator: "\n")
            #expect(!rows.isEmpty)
            #expect(run.output == "\(rows.count) frames have more than one reference\n", "\(run.errors)")
        }
    }

    @Test func theREADMENamesWhatThereIs() async throws {
        let readme = try Self.text("README.md")
        let program = try Program()
        let help = try await program.output("--help")
        for command in [
            "summary", "dump", "frame", "vtables", "map", "audit", "hooks", "pins", "owner", "explain", "snapshot",
            "diff",
            "doctor", "targets", "gdb-proxy", "serve", "history",
        ] {
            #expect(help.contains("\n  \(command) "))
            #expect(readme.contains("| `\(command)"), "\(command)")
        }
        let dump = try await program.output("dump --help")
        for option in readme.matches(of: /`(--[a-z]+)/) {
            let pages = [
                dump, try await program.output("map --help"), try await program.output("audit --help"),
                try await program.output("serve --help"),
            ]
            let isKnown = pages.contains { $0.contains(option.1) }
            #expect(isKnown || option.1 == "--once", "\(option.1)")
        }
        // The filters that it shows are understood: what is wrong is the guest, not the expression.
        for filter in readme.matches(of: /`'([^']+)'`/).map(\.1) + readme.matches(of: /--where '([^']+)'/).map(\.1) {
            let run = try await program("dump", "--qmp", "/no/such.sock", "--where", String(filter))
            #expect(run.status == 69, "\(filter): \(run.errors)")
        }
        for field in ["address", "frame", "next", "prev", "vtable", "flags", "order", "refcount", "generation", "aux"] {
            let run = try await program("dump", "--qmp", "/no/such.sock", "--where", "\(field) > 0")
            #expect(run.status == 69 && readme.contains(field), "\(field): \(run.errors)")
        }
        for status in ["0 done", "64 wrong usage", "65 image", "69 guest", "74 read", "130 interrupted"] {
            #expect(readme.contains(status) && help.contains(status.split(separator: " ")[0]))
        }
    }
}
