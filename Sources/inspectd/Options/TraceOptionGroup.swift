import ArgumentParser
import FrameInspect
import GuestMemory

/// Options of both traces.
struct TraceOptionGroup: ParsableArguments {
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("How long to trace, for example 30s; without it until Ctrl-C.", valueName: "duration"))
    var duration: String?

    @Option(help: ArgumentHelp("End after so many events.", valueName: "count")) var count: Int?

    @Option(help: ArgumentHelp("Only what concerns the frame at this physical address.", valueName: "address"))
    var frame: String?

    @Option(help: ArgumentHelp("Print text or ndjson (documented in docs/json-schema.md).", valueName: "format"))
    var format: TraceFormat = .text

    @Flag(inversion: .prefixedNo, help: "Take a backtrace of every event, or of findings and pins only.")
    var backtraces = true

    @Flag(help: "Print the summary only, not every event.") var quiet = false

    func validate() throws {
        if let duration, DurationText.parse(duration) == nil {
            throw ValidationError("--for '\(duration)' is no duration; write for example 30s or 500ms.")
        }
        if let count, count < 1 { throw ValidationError("--count is \(count); at least one event makes sense.") }
        if let frame, NumberText.parse(frame) == nil {
            throw ValidationError("--frame '\(frame)' is no address; write for example 0x1f4000.")
        }
    }

    /// The library's form.
    func options(_ subject: TraceOptions.Subject, hooks: [String] = []) -> TraceOptions {
        var options = TraceOptions(subject)
        options.duration = duration.flatMap { DurationText.parse($0) }
        options.limit = count
        options.frame = frame.flatMap { NumberText.parse($0) }.map { FrameNumber(containing: PhysicalAddress($0)) }
        options.hooks = hooks
        options.takesBacktraces = backtraces
        return options
    }
}
