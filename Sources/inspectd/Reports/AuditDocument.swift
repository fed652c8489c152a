import CallGraph
import FrameInspect
import GuestMemory

/// What `audit` shows.
struct AuditDocument: Sendable {
    /// What the audit said.
    var report: AuditReport
    /// Where its figures come from.
    var provenance: Provenance
    /// Findings that a baseline left out.
    var leftOut = 0

    /// Leaves out what is known.
    mutating func leaveOut(_ baseline: Baseline) {
        let known = baseline.fingerprints
        let count = report.findings.count
        report.findings.removeAll { known.contains($0.fingerprint) }
        leftOut = count - report.findings.count
        let counts = Dictionary(grouping: report.findings, by: \.rule).mapValues(\.count)
        for index in report.rules.indices { report.rules[index].findings = counts[report.rules[index].rule] ?? 0 }
    }

    /// The document of `--format json`.
    var json: JSONValue {
        JSONSchema.audit.document([
            ("frames", .number(report.slots)), ("owners", .number(report.owners.map { UInt64($0) })),
            ("hooks", .number(UInt64(report.hooks))), ("samples", .number(UInt64(report.samples))),
            ("seconds", .decimal(report.seconds)),
            ("longestPauseNanoseconds", .number(report.longestPause.map { UInt64(max(0, $0) * 1e9) })),
            ("leftOut", .number(UInt64(leftOut))),
            ("findings", .array(report.findings.map(\.json))),
            ("rules", .array(report.rules.map(\.json))),
            ("provenance", provenance.json),
        ])
    }
}

extension Finding {
    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("rule", .string(rule.rawValue)), ("severity", .string(severity.rawValue)),
            ("confidence", .string(confidence.rawValue)), ("fingerprint", .string(fingerprint)),
            ("subject", .string(subject)), ("message", .string(message)),
            (
                "frames",
                .array(
                    frames.map {
                        .object([("address", .hex($0.first.address.rawValue)), ("count", .number($0.count))])
                    })
            ),
            ("ageSeconds", age.map { .decimal($0) } ?? .null),
            (
                "evidence",
                .array(
                    evidence.map {
                        .object([
                            ("name", .string($0.name)), ("value", .string($0.value)),
                            ("virtual", .hex($0.virtual?.rawValue)), ("physical", .hex($0.physical?.rawValue)),
                            ("source", .string($0.source)),
                        ])
                    })
            ),
            ("location", place.map { CodeLocation($0).json } ?? .null),
            ("path", .array(path.map(\.json))), ("next", .string(next)),
        ])
    }
}

extension PathStep {
    /// The part of JSON documents.
    var json: JSONValue {
        .object([
            ("function", .string(function)), ("offset", .number(offset)), ("address", .hex(address)),
            ("instruction", .string(instruction)), ("source", .string(source)),
            (
                "inlinedBy",
                .array(
                    inlinedBy.map {
                        .object([("function", .string($0.function)), ("source", .string($0.source))])
                    })
            ),
        ])
    }

    /// `file:line`.
    var source: String? { file.map { file in line.map { "\(file):\($0)" } ?? file } }
}

extension PathStep.Inlining {
    /// `file:line` of the call.
    var source: String? { file.map { file in line.map { "\(file):\($0)" } ?? file } }
}

extension AuditReport.RuleStatus {
    /// The part of JSON documents.
    var json: JSONValue {
        let (name, reason): (String, String?) =
            switch outcome {
            case .checked: ("checked", nil)
            case .notRun(let reason): ("not-run", reason)
            case .unsettled(let reason): ("unsettled", reason)
            }
        return .object([
            ("rule", .string(rule.rawValue)), ("outcome", .string(name)), ("reason", .string(reason)),
            ("findings", .number(UInt64(findings))), ("inFlight", .number(UInt64(inFlight))),
            ("omitted", .number(UInt64(omitted))),
        ])
    }
}
