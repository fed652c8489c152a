import ArgumentParser
import FrameInspect
import GuestMemory

/// `inspectd map`.
struct MapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map", abstract: "Draws physical memory, coloured by what its frames are doing.",
        discussion: "Example: inspectd map --qmp /run/vm/qmp.sock --kernel kernel.elf --svg memory.svg")

    @OptionGroup(title: "Target") var target: TargetOptions
    @Option(help: ArgumentHelp("Write a picture to this file instead ('-' for standard output).", valueName: "file"))
    var svg: String?
    @OptionGroup var format: FormatOption
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if svg == "" {
            throw ValidationError("--svg is empty; write the name of a file behind it, or - for standard output.")
        }
    }

    func run() async throws {
        try await Execution.run(output) {
            let style = output.terminal.style
            let width = style.width ?? 100
            let report = try await target.withInspector(output) { inspector in
                let (runs, provenance) = try await inspector.stateRuns()
                return inspector.report(runs, provenance) { frames in
                    // A picture in a file has room for more than a screen.
                    svg != nil
                        ? 1 << 14
                        : MapRenderer.capacity(width: width, rows: 24, start: 0, frameCount: frames, style: style)
                }
            }
            if let svg {
                try FileOutput.write(to: svg) { writer in
                    try MapPicture.write(report, title: "Physical memory of the guest", to: writer)
                }
                return
            }
            let writer = OutputWriter()
            if format.format == .json {
                try writer.write(report.json.text)
            } else {
                try writer.writeLines(MapRenderer.lines(report, width: width, style: style))
            }
            try writer.flush()
        }
    }
}

extension Inspector {
    /// The picture: kinds are colours, each with the states that have it.
    fileprivate func report(
        _ runs: [StateRuns.Run], _ source: FrameInspect.Provenance, capacity: (UInt64) -> Int
    ) -> MapReport {
        let first = layout.frame(at: 0)
        let frames = placement.slotCount
        let states = FrameState.allCases
        let kinds = states.map { state in
            MapKind(
                name: state.name, text: state.text, colour: state.colour,
                isLoud: state == .poisoned || state == .quarantined || state == .inconsistent || state == .releasing)
        }
        var report = MapReport(
            start: first.address.rawValue, frameCount: frames, maximumCells: capacity(frames), kinds: kinds,
            provenance: provenance(source))
        var previous: StateRuns.Run?
        for run in runs {
            // The pages of a block are what its first frame is, and that one lies before them.
            let head = previous.flatMap { $0.start &+ $0.count == run.start ? $0.state : nil }
            let state = run.state == .blockPage ? head ?? run.state : run.state
            previous = run
            guard let kind = states.firstIndex(of: state) else { continue }
            report.add(kind: kind, offset: run.start - first.rawValue, count: run.count)
        }
        return report
    }
}
