import FrameInspect
import GuestMemory

extension WatchedFinding {
    /// The part of JSON documents.
    var json: JSONValue {
        func time(_ seconds: Double?) -> JSONValue {
            seconds.map { .string(Format.time(secondsSince1970: $0)) } ?? .null
        }
        return .object([
            ("id", .string(fingerprint)), ("rule", .string(finding.rule.rawValue)),
            ("severity", .string(finding.severity.rawValue)), ("subject", .string(finding.subject)),
            ("message", .string(finding.message)), ("opened", time(opened)), ("confirmed", time(confirmed)),
            ("closed", time(closed)),
            (
                "frames",
                .array(
                    finding.frames.map {
                        .object([("address", .hex($0.first.address.rawValue)), ("count", .number($0.count))])
                    })
            ),
            ("finding", finding.json),
        ])
    }
}

extension GuestSample {
    /// Numbers of open findings by severity.
    var findingCounts: JSONValue {
        .object(
            Severity.allCases.reversed().map { severity in
                (severity.rawValue, .number(UInt64(findings.count { $0.finding.severity == severity })))
            })
    }

    /// What listeners are told of a look.
    func event(guest: String) -> JSONValue {
        .object([
            ("guest", .string(guest)), ("number", .number(UInt64(number))),
            ("time", .string(Format.time(secondsSince1970: time))),
            ("pauseSeconds", observation.provenance.pauseSeconds.map { .decimal($0) } ?? .null),
            ("seconds", .decimal(seconds)),
            ("states", .object(states.map { ($0.name, .number($0.frames)) })),
            ("pins", .number(UInt64(pins.count))), ("orphanedPins", .number(UInt64(orphanedPins))),
            ("findings", findingCounts), ("recordBytes", .number(UInt64(recordBytes))),
        ])
    }

    /// The findings as an audit shows them.
    func audit(rules: Set<RuleIdentifier>?) -> AuditDocument {
        AuditDocument(
            report: observation.report(findings.map(\.finding), rules: rules, looks: number, seconds: seconds),
            provenance: inspector.provenance(observation.provenance))
    }

    /// The installed hooks with their proofs.
    var hooks: [HookSurvey.Entry] { observation.hooks() }

    /// The vtables as `vtables` shows them.
    var vtables: VtableReport {
        let uses = observation.vtables.map { vtable in
            inspector.entry(vtable.description, frames: vtable.frames.reduce(0) { $0 &+ $1.count })
        }
        let others = uses.reduce(UInt64(0)) { $0 &+ ($1.frames ?? 0) }
        let frames = UInt64(observation.slots.count)
        let first = VtableEntry(
            location: CodeLocation(address: 0), isDefault: true, frames: frames >= others ? frames &- others : 0)
        return VtableReport(
            frames: frames,
            entries: [first]
                + uses.sorted { ($1.frames ?? 0, $0.location.address) < ($0.frames ?? 0, $1.location.address) },
            provenance: inspector.provenance(observation.provenance))
    }

    /// The pins as `pins` shows them, with the time for which each was seen.
    var pinsReport: PinsReport {
        PinsReport(
            survey: observation.pins(pins), provenance: inspector.provenance(observation.provenance))
    }
}

extension FrameBiography {
    /// The document of a frame's history.
    var json: JSONValue {
        func time(_ seconds: Double) -> JSONValue { .string(Format.time(secondsSince1970: seconds)) }
        return .object([
            ("frame", .number(frame.rawValue)), ("address", .hex(frame.address.rawValue)), ("since", time(since)),
            ("until", time(until)), ("looks", .number(UInt64(looks))), ("complete", .bool(isComplete)),
            (
                "events",
                .array(
                    events.map { event in
                        .object([
                            ("kind", .string(event.kind.rawValue)), ("text", .string(event.text)),
                            ("after", time(event.after)), ("before", time(event.before)),
                            ("generation", .number(event.generation)), ("sample", .number(UInt64(event.look))),
                        ])
                    })
            ),
        ])
    }
}
