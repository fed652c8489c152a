import ArgumentParser
import FrameInspect

/// `inspectd snapshot`.
struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Keeps the frame table and the kernel's books of one moment in a file.",
        discussion: """
            Example: inspectd snapshot --qmp /run/vm/qmp.sock --kernel kernel.elf -o boot.fi
            'inspectd diff' says what changed since.
            """)

    @OptionGroup(title: "Target") var target: TargetOptions

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Write the snapshot to this file ('-' for standard output).", valueName: "file"),
        completion: .file(extensions: ["fi"]))
    var path: String

    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if path.isEmpty {
            throw ValidationError("--output is empty; write the name of a file behind it, or - for standard output.")
        }
    }

    func run() async throws {
        try await Execution.run(output) {
            let report = try await target.withInspector(output) { inspector in
                let snapshot = try await inspector.takeSnapshot()
                return SnapshotReport(
                    path: path, snapshot: snapshot, contents: try snapshot.contents(),
                    provenance: inspector.provenance(snapshot.provenance))
            }
            try FileOutput.write(to: path) { try $0.write(bytes: report.snapshot.bytes) }
            guard path != "-" else { return }
            let writer = OutputWriter()
            try writer.writeLines(SnapshotRenderer.lines(report, style: output.terminal.style))
            try writer.flush()
        }
    }
}
