import FrameInspect
import Synchronization

/// Prints what a trace tells, as it is told.
final class TracePrinter: Sendable {
    private struct State: ~Copyable {
        let writer = OutputWriter()
        var text: TraceRenderer
        var document = TraceDocument()
        var failure: OutputError?
    }

    private let format: TraceFormat
    private let isQuiet: Bool
    private let state: Mutex<State>

    private init(format: TraceFormat, isQuiet: Bool, style: Style) {
        self.format = format
        self.isQuiet = isQuiet
        state = Mutex(State(text: TraceRenderer(style: style)))
    }

    /// Traces and prints; the report is printed too.
    static func run(
        _ options: TraceOptions, _ group: TraceOptionGroup, _ target: TargetOptions, _ output: OutputOptions
    ) async throws -> TraceReport {
        let printer = TracePrinter(format: group.format, isQuiet: group.quiet, style: output.terminal.style)
        let (report, provenance) = try await target.withInspector(output) { inspector in
            let report = try await inspector.trace(options) { printer.print($0) }
            return (report, inspector.provenance(report.provenance))
        }
        try printer.finish(report, provenance)
        return report
    }

    /// Prints an event; false where nobody reads any more.
    private func print(_ event: TraceEvent) -> Bool {
        state.withLock { state in
            guard state.failure == nil else { return false }
            if isQuiet {
                switch event {
                case .call, .pin: return true
                default: break
                }
            }
            do throws(OutputError) {
                switch format {
                case .text: try state.writer.writeLines(state.text.lines(event))
                case .ndjson: for line in state.document.lines(event) { try state.writer.write(line.line + "\n") }
                }
                try state.writer.flush()
                return true
            } catch {
                state.failure = error
                return false
            }
        }
    }

    private func finish(_ report: TraceReport, _ provenance: Provenance) throws {
        let failure = state.withLock { state -> OutputError? in
            if let failure = state.failure { return failure }
            do throws(OutputError) {
                switch format {
                case .text: try state.writer.writeLines(state.text.lines(report, provenance))
                case .ndjson:
                    for line in state.document.lines(report, provenance) { try state.writer.write(line.line + "\n") }
                }
                try state.writer.flush()
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
