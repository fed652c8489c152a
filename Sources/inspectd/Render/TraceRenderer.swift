import CallGraph
import FrameInspect
import GuestMemory

/// The text of `trace`: a line for each event, and a backtrace where it is a new one.
struct TraceRenderer {
    private let style: Style
    private var numbers: [[BacktraceFrame]: Int] = [:]
    /// Backtraces that are remembered; past that they are printed again.
    private static let limit = 1 << 14
    private var next = 1
    private var durations = "host"

    init(style: Style) { self.style = style }

    /// The lines of an event.
    mutating func lines(_ event: TraceEvent) -> [String] {
        switch event {
        case .started(let start):
            durations = start.durations
            return Self.started(start, style)
        case .call(let call):
            let (reference, lines) = reference(call.context.backtrace)
            return [line(call, reference)] + lines
        case .pin(let pin):
            let (reference, lines) = reference(pin.context.backtrace)
            return [line(pin, reference)] + lines
        case .finding(let finding): return [""] + FindingRenderer.lines(finding, style: style) + [""]
        case .note(let text):
            return TextBlocks.wrap("note: \(text)", style: style, hanging: 2).map { style.paint($0, .warning) }
        }
    }

    // MARK: The beginning

    private static func started(_ start: TraceStart, _ style: Style) -> [String] {
        let cpus = "\(start.cpus) vCPU\(start.cpus == 1 ? "" : "s")"
        var watched = start.functions.sorted { $0.key < $1.key }.map { "\($0.key) (\($0.value.symbolText ?? $0.key))" }
        if start.subject == .hooks {
            watched.insert("\(start.hooks.count) hook\(start.hooks.count == 1 ? "" : "s")", at: 0)
        }
        var lines = [
            style.paint("Tracing \(start.subject.rawValue) on \(cpus)", .heading)
        ]
        lines += TextBlocks.wrap("watching \(watched.joined(separator: ", "))", style: style, indent: 2, hanging: 2)
        for hook in start.hooks {
            lines.append("  " + style.paint(CodeLocation(hook).name, .accent) + source(hook, style))
        }
        let breakpoints = "\(start.hardware) hardware and \(start.software) software breakpoints"
        let clock =
            start.durations == "instructions"
            ? "durations in guest instructions"
            : "durations in host time while the guest ran, stops of the stub included: QEMU counts instructions only with -icount and rr"
        lines += TextBlocks.wrap("\(breakpoints); \(clock)", style: style, indent: 2, hanging: 2).map {
            style.paint($0, .dim)
        }
        return lines + [""]
    }

    private static func source(_ place: CodePlace, _ style: Style) -> String {
        guard let source = CodeLocation(place).source else { return "" }
        return "  " + style.paint(source, .dim)
    }

    // MARK: Events

    private func line(_ call: HookCall, _ reference: String) -> String {
        var parts = [moment(call.context)]
        parts.append(call.roles.map(\.rawValue).joined(separator: "+"))
        parts.append(style.paint(Format.hex(call.frame.address.rawValue), .accent))
        parts.append(CodeLocation(call.hook).name)
        parts.append(call.interruptsEnabled ? style.paint("IF=1", .bad) : "IF=0")
        for lock in call.locks {
            let holder = lock.holder == .same ? "held here" : lock.holder == .other ? "held by another vCPU" : "held"
            parts.append(
                style.paint("\(lock.name) \(holder)", lock.isForbidden && lock.holder == .same ? .bad : .warning))
        }
        if call.locks.isEmpty { parts.append("no lock") }
        if call.depth > 0 { parts.append(call.isTailCall ? "tail call" : "depth \(call.depth)") }
        switch call.ending {
        case .returned:
            if let instructions = call.instructions {
                parts.append("\(style.number(instructions)) instructions")
            } else if let seconds = call.hostSeconds {
                parts.append(Format.duration(nanoseconds: UInt64(max(0, seconds) * 1e9), unicode: style.unicode))
            }
        case .unfinished: parts.append(style.paint("not returned yet", .warning))
        case .abandoned: parts.append(style.paint("return not seen", .warning))
        }
        if !reference.isEmpty { parts.append(style.paint(reference, .dim)) }
        return parts.joined(separator: "  ")
    }

    private func line(_ pin: PinEvent, _ reference: String) -> String {
        var parts = [
            moment(pin.context), pin.kind.rawValue, style.paint(Format.hex(pin.frame.address.rawValue), .accent),
            "number \(pin.number)",
        ]
        if pin.kind == .unpin {
            if let number = pin.pinNumber, let age = pin.age {
                parts.append("ends \(number) after \(Format.fixed(age, decimals: 3)) s")
            } else {
                parts.append("of a pin from before the trace")
            }
        }
        if !reference.isEmpty { parts.append(style.paint(reference, .dim)) }
        return parts.joined(separator: "  ")
    }

    private func moment(_ context: TraceContext) -> String {
        style.paint("\(Format.fixed(context.time, decimals: 6))", .dim) + "  cpu \(context.cpu)"
    }

    /// How a line refers to a backtrace, and the backtrace where it is new.
    private mutating func reference(_ backtrace: Backtrace) -> (String, [String]) {
        guard !backtrace.frames.isEmpty else { return ("", []) }
        if let known = numbers[backtrace.frames] { return ("backtrace \(known)", []) }
        if numbers.count >= Self.limit { numbers.removeAll() }
        let number = next
        next += 1
        numbers[backtrace.frames] = number
        return ("backtrace \(number):", Self.lines(backtrace, style, indent: 6))
    }

    /// The functions on a stack, the innermost first, each inlined call on a line of its own.
    static func lines(_ backtrace: Backtrace, _ style: Style, indent: Int) -> [String] {
        var table = TextTable(
            [.flexible("function", cutsMiddle: true), .flexible("source", cutsMiddle: true)], indent: indent,
            hasHeader: false)
        for frame in backtrace.frames {
            let step = frame.step
            // The place is in the innermost inlined function; each one's call site is in the next.
            var source = step.source
            for inlined in step.inlinedBy {
                table.add([Cell("\(inlined.function)  (inlined)", .dim), Cell(source ?? "", .dim)])
                source = inlined.source
            }
            let way = frame.way == .framePointer ? "  (by frame pointer)" : ""
            table.add([Cell("\(step.function)+\(Format.hex(step.offset))\(way)"), Cell(source ?? "", .dim)])
        }
        if let cut = backtrace.cut { table.add([Cell("... \(cut)", .warning)]) }
        return table.lines(style)
    }

    // MARK: The end

    /// What stands below the events.
    mutating func lines(_ report: TraceReport, _ provenance: Provenance) -> [String] {
        var lines = ["", style.paint(headline(report), .heading)]
        let rate = report.seconds > 0 ? Double(report.stops) / report.seconds : 0
        let share = report.seconds > 0 ? 100 * report.stoppedSeconds / report.seconds : 0
        lines.append(
            "  \(style.number(UInt64(report.stops))) stops in \(Format.fixed(report.seconds, decimals: 2)) s "
                + "(\(Format.fixed(rate, decimals: 0)) a second), the guest stood still for \(Format.fixed(share, decimals: 0)) % of it"
        )
        lines.append("  ended because \(Self.reason(report.ending))")
        if !report.callsByHook.isEmpty {
            var table = TextTable([.right("calls"), .flexible("hook", cutsMiddle: true)], indent: 2)
            for (hook, calls) in report.callsByHook {
                table.add([Cell(style.number(UInt64(calls))), Cell(CodeLocation(hook).name)])
            }
            lines += [""] + table.lines(style)
        }
        lines += pins(report)
        if report.subject == .hooks { lines += [""] + findings(report) }
        return lines + [""] + ProvenanceRenderer.lines(provenance, style: style)
    }

    private func headline(_ report: TraceReport) -> String {
        func text(_ count: Int, _ noun: String) -> String {
            "\(style.number(UInt64(max(0, count)))) \(noun)\(count == 1 ? "" : "s")"
        }
        switch report.subject {
        case .hooks:
            return "\(text(report.findings.count, "finding")) in \(text(report.calls, "hook call")), "
                + "\(text(report.releases, "release")), \(text(report.frees, "free"))"
        case .pins:
            let left = report.outstanding.reduce(0) { $0 + $1.outstanding }
            let earlier = report.earlierPins > 0 ? " (\(report.earlierPins) of pins from before the trace)" : ""
            return "\(text(left, "pin")) left of \(text(report.pins, "pin")); \(text(report.unpins, "unpin"))\(earlier)"
        }
    }

    private static func reason(_ ending: TraceReport.Ending) -> String {
        switch ending {
        case .time: "the time is over"
        case .limit: "as many events as were asked for were seen"
        case .interrupted: "it was interrupted"
        case .reset: "the guest was reset"
        case .guestGone: "QEMU ended, or its stub was removed"
        case .paused: "somebody paused the guest"
        }
    }

    private func pins(_ report: TraceReport) -> [String] {
        var lines: [String] = []
        for group in report.outstanding {
            let frames = group.frames.prefix(4).map { Format.hex($0.address.rawValue) }.joined(separator: " ")
            lines += [
                "",
                style.paint("\(group.outstanding) of \(group.pins)", .bad)
                    + " pins that came this way are left, the oldest for \(Format.fixed(group.oldest, decimals: 1)) s: "
                    + style.paint(frames, .accent) + (group.frames.count > 4 ? " \(style.ellipsis)" : ""),
            ]
            lines += Self.lines(group.backtrace, style, indent: 2)
        }
        return lines
    }

    private func findings(_ report: TraceReport) -> [String] {
        var lines: [String] = []
        for finding in report.findings {
            let seen = finding.evidence.first { $0.name == "seen" }?.value.prefix { $0 != "," } ?? "once"
            lines += TextBlocks.wrap(
                style.paint(finding.rule.rawValue, finding.severity.tint) + "  \(finding.message) (seen \(seen))",
                style: style, indent: 2, hanging: 4)
        }
        let open = report.rules.filter { $0.obstacle != nil }
        lines.append(
            style.paint("\(report.rules.count - open.count) of \(report.rules.count) rules checked", .heading))
        for rule in open {
            lines += TextBlocks.wrap(
                "\(rule.rule.rawValue) not run: \(rule.obstacle ?? "")", style: style, indent: 2, hanging: 4)
        }
        return lines
    }
}
