import ArgumentParser
import FrameInspect
import SystemPackage

/// `inspectd diff`.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Says what changed since a snapshot: leaks, pins, owners, frames taken anew.",
        discussion: """
            Example: inspectd diff boot.fi now.fi
            Example: inspectd diff boot.fi live --qmp /run/vm/qmp.sock --kernel kernel.elf
            Snapshots are written by 'inspectd snapshot'. Two of different kernels are refused with 65.
            """)

    @Argument(help: ArgumentHelp("The earlier snapshot.", valueName: "before"), completion: .file(extensions: ["fi"]))
    var before: String

    @Argument(
        help: ArgumentHelp("The later snapshot, or 'live' for the guest as it is now.", valueName: "after|live"),
        completion: .file(extensions: ["fi"]))
    var after: String

    @Option(help: ArgumentHelp("Show at most so many changes of each kind; all are counted.", valueName: "count"))
    var limit = 20

    @OptionGroup(title: "Target") var target: TargetOptions
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    private var isLive: Bool { after == "live" }

    func validate() throws {
        guard (0...1_000_000).contains(limit) else {
            throw ValidationError("--limit is \(limit); 0 to 1000000 make sense.")
        }
        if before == "live" {
            throw ValidationError("Only the later one can be 'live': inspectd diff SNAPSHOT live.")
        }
        if !isLive, target.qmp != nil || target.gdb != nil || target.core != nil {
            throw ValidationError("Two files need no guest; write 'live' in place of the second file to look at it.")
        }
    }

    func run() async throws {
        try await Execution.run(output) {
            let first = try KernelSnapshot(contentsOf: FilePath(before))
            let diff: SnapshotDiff
            if isLive {
                diff = try await target.withInspector(output) { inspector in
                    // The guest is not read where it is another kernel anyway.
                    try first.kernel.checkComparable(with: inspector.snapshotKernel)
                    return try SnapshotDiff(from: first, to: try await inspector.takeSnapshot(), limit: limit)
                }
            } else {
                let second = try KernelSnapshot(contentsOf: FilePath(after))
                diff = try SnapshotDiff(from: first, to: second, limit: limit)
            }
            let document = DiffDocument(before: before, after: after, diff: diff)
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(document.json.text)
            } else {
                try writer.writeLines(DiffRenderer.lines(document, style: output.terminal.style))
            }
            try writer.flush()
        }
    }
}
