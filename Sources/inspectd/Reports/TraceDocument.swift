import CallGraph
import FrameInspect
import GuestMemory

/// The lines of `trace --format ndjson`: each is an object whose `event` says what it is.
///
/// A backtrace has a line of its own, before the first event that names it by its number.
struct TraceDocument {
    private var numbers: [[BacktraceFrame]: UInt64] = [:]
    /// Backtraces that are remembered; past that they get new numbers.
    private static let limit = 1 << 14
    private var next: UInt64 = 1

    /// The lines of an event.
    mutating func lines(_ event: TraceEvent) -> [JSONValue] {
        switch event {
        case .started(let start): return [Self.start(start)]
        case .call(let call):
            var lines: [JSONValue] = []
            let number = number(call.context.backtrace, &lines)
            return lines + [Self.call(call, number)]
        case .pin(let pin):
            var lines: [JSONValue] = []
            let number = number(pin.context.backtrace, &lines)
            return lines + [Self.pin(pin, number)]
        case .finding(let finding): return [Self.object("finding", [("finding", finding.json)])]
        case .note(let text): return [Self.object("note", [("text", .string(text))])]
        }
    }

    /// The last lines.
    mutating func lines(_ report: TraceReport, _ provenance: Provenance) -> [JSONValue] {
        var lines: [JSONValue] = []
        let outstanding = report.outstanding.map { group in
            let number = number(group.backtrace, &lines)
            return JSONValue.object([
                ("outstanding", .number(UInt64(group.outstanding))), ("pins", .number(UInt64(group.pins))),
                ("frames", .array(group.frames.map { .hex($0.address.rawValue) })),
                ("oldestSeconds", .decimal(group.oldest)), ("backtrace", .number(number)),
            ])
        }
        func count(_ number: Int) -> JSONValue { .number(UInt64(max(0, number))) }
        lines.append(
            Self.object(
                "end",
                [
                    ("subject", .string(report.subject.rawValue)), ("ending", .string(report.ending.rawValue)),
                    ("calls", count(report.calls)), ("releases", count(report.releases)),
                    ("frees", count(report.frees)),
                    ("pins", count(report.pins)), ("unpins", count(report.unpins)),
                    ("earlierPins", count(report.earlierPins)), ("stops", count(report.stops)),
                    ("seconds", .decimal(report.seconds)), ("stoppedSeconds", .decimal(report.stoppedSeconds)),
                    (
                        "callsByHook",
                        .array(
                            report.callsByHook.map {
                                .object([("hook", CodeLocation($0.hook).json), ("calls", count($0.calls))])
                            })
                    ),
                    ("laterHooks", .array(report.laterHooks.map { CodeLocation($0).json })),
                    ("outstanding", .array(outstanding)),
                    ("findings", .array(report.findings.map(\.json))), ("omitted", count(report.omitted)),
                    (
                        "rules",
                        .array(
                            report.rules.map {
                                .object([
                                    ("rule", .string($0.rule.rawValue)),
                                    ("outcome", .string($0.obstacle == nil ? "checked" : "not-run")),
                                    ("reason", .string($0.obstacle)), ("findings", count($0.findings)),
                                ])
                            })
                    ),
                    ("notes", .array(report.notes.map { .string($0) })), ("provenance", provenance.json),
                ]))
        return lines
    }

    /// The number of a backtrace, whose line is added where it is new; nil for none.
    private mutating func number(_ backtrace: Backtrace, _ lines: inout [JSONValue]) -> UInt64? {
        guard !backtrace.frames.isEmpty else { return nil }
        if let known = numbers[backtrace.frames] { return known }
        if numbers.count >= Self.limit { numbers.removeAll() }
        let number = next
        next += 1
        numbers[backtrace.frames] = number
        lines.append(
            Self.object(
                "backtrace",
                [
                    ("id", .number(number)), ("cut", .string(backtrace.cut)),
                    (
                        "frames",
                        .array(
                            backtrace.frames.map {
                                .object([("way", .string($0.way.rawValue)), ("step", $0.step.json)])
                            })
                    ),
                ]))
        return number
    }

    private static func object(_ event: String, _ members: [(String, JSONValue)]) -> JSONValue {
        .object([("event", .string(event))] + members)
    }

    private static func start(_ start: TraceStart) -> JSONValue {
        object(
            "start",
            [
                ("schema", .string(JSONSchema.trace.identifier)), ("version", .string(ProgramVersion.text)),
                ("subject", .string(start.subject.rawValue)),
                ("hooks", .array(start.hooks.map { CodeLocation($0).json })),
                (
                    "functions",
                    .array(
                        start.functions.sorted { $0.key < $1.key }.map {
                            .object([("part", .string($0.key)), ("location", CodeLocation($0.value).json)])
                        })
                ),
                ("hardwareBreakpoints", .number(UInt64(max(0, start.hardware)))),
                ("softwareBreakpoints", .number(UInt64(max(0, start.software)))),
                ("vcpus", .number(UInt64(max(0, start.cpus)))), ("durations", .string(start.durations)),
            ])
    }

    private static func context(_ context: TraceContext, _ backtrace: UInt64?) -> [(String, JSONValue)] {
        [
            ("cpu", .number(UInt64(max(0, context.cpu)))), ("seconds", .decimal(context.time)),
            (
                "registers",
                .array(context.registers.map { .object([("name", .string($0.name)), ("value", .hex($0.value))]) })
            ),
            ("backtrace", .number(backtrace)),
        ]
    }

    private static func call(_ call: HookCall, _ backtrace: UInt64?) -> JSONValue {
        object(
            "call",
            [
                ("number", .number(UInt64(max(0, call.number)))), ("hook", CodeLocation(call.hook).json),
                ("roles", .array(call.roles.map { .string($0.rawValue) })),
                ("frame", .hex(call.frame.address.rawValue)), ("head", .hex(call.head.address.rawValue)),
                ("generation", .number(call.generation)), ("interruptsEnabled", .bool(call.interruptsEnabled)),
                (
                    "locks",
                    .array(
                        call.locks.map {
                            .object([
                                ("name", .string($0.name)), ("address", .hex($0.address.rawValue)),
                                ("value", .hex($0.value)), ("holder", .string($0.holder.rawValue)),
                                ("forbidden", .bool($0.isForbidden)),
                            ])
                        })
                ),
                ("depth", .number(UInt64(max(0, call.depth)))), ("tailCall", .bool(call.isTailCall)),
                ("ending", .string(call.ending.rawValue)), ("instructions", .number(call.instructions)),
                ("hostNanoseconds", .number(call.hostSeconds.map { UInt64(max(0, $0) * 1e9) })),
            ] + context(call.context, backtrace))
    }

    private static func pin(_ pin: PinEvent, _ backtrace: UInt64?) -> JSONValue {
        object(
            pin.kind.rawValue,
            [
                ("number", .number(UInt64(max(0, pin.number)))), ("frame", .hex(pin.frame.address.rawValue)),
                ("pin", .number(pin.pinNumber.map { UInt64(max(0, $0)) })),
                ("ageSeconds", pin.age.map { .decimal($0) } ?? .null),
            ] + context(pin.context, backtrace))
    }
}
