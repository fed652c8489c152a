import CFindings
import CallGraph
import FrameInspect

/// An audit as SARIF 2.1.0, which tools for code review read.
enum SARIFDocument {
    static func json(_ document: AuditDocument) -> JSONValue {
        let rules = document.report.rules.map(\.rule)
        return .object([
            ("$schema", .string("https://json.schemastore.org/sarif-2.1.0.json")), ("version", .string("2.1.0")),
            (
                "runs",
                .array([
                    .object([
                        (
                            "tool",
                            .object([
                                (
                                    "driver",
                                    .object([
                                        ("name", .string("inspectd")), ("version", .string(ProgramVersion.text)),
                                        ("rules", .array(rules.map { descriptor($0) })),
                                    ])
                                )
                            ])
                        ),
                        ("invocations", .array([invocation(document.report)])),
                        (
                            "results",
                            .array(
                                document.report.findings.map { finding in
                                    result(finding, index: rules.firstIndex(of: finding.rule) ?? 0)
                                })
                        ),
                        ("properties", .object([("provenance", document.provenance.json)])),
                    ])
                ])
            ),
        ])
    }

    private static func descriptor(_ rule: RuleIdentifier) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("id", .string(rule.rawValue)),
            ("shortDescription", text(rule.summary)),
            ("defaultConfiguration", .object([("level", .string(rule.severity.rawValue))])),
        ]
        if let page = fi_finding_page(rule.rawValue) {
            let content = String(cString: page)
            members.append(("help", .object([("text", .string(content)), ("markdown", .string(content))])))
        }
        return .object(members)
    }

    /// What was not checked is said too: an empty list of results is no proof of health.
    private static func invocation(_ report: AuditReport) -> JSONValue {
        var notes: [JSONValue] = []
        for status in report.rules {
            let reason: String
            switch status.outcome {
            case .checked: continue
            case .notRun(let text): reason = "not run: \(text)"
            case .unsettled(let text): reason = "unsettled: \(text)"
            }
            notes.append(
                .object([
                    ("level", .string("note")), ("message", text("\(status.rule.rawValue) \(reason)")),
                    ("associatedRule", .object([("id", .string(status.rule.rawValue))])),
                ]))
        }
        return .object([("executionSuccessful", .bool(true)), ("toolExecutionNotifications", .array(notes))])
    }

    private static func result(_ finding: Finding, index: Int) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("ruleId", .string(finding.rule.rawValue)), ("ruleIndex", .number(UInt64(index))),
            ("level", .string(finding.severity.rawValue)), ("message", text(finding.message)),
            ("locations", .array([location(of: finding)])),
            ("partialFingerprints", .object([("inspectd/v1", .string(finding.fingerprint))])),
        ]
        if !finding.path.isEmpty {
            let steps = finding.path.map { step in
                JSONValue.object([("location", location(step.function, step.file, step.line, text: step.instruction))])
            }
            members.append(
                (
                    "codeFlows",
                    .array([
                        .object([("threadFlows", .array([.object([("locations", .array(steps))])]))])
                    ])
                ))
        }
        members.append(("properties", .object([("finding", finding.json)])))
        return .object(members)
    }

    private static func location(of finding: Finding) -> JSONValue {
        if let last = finding.path.last {
            return location(last.function, last.file, last.line)
        }
        if let place = finding.place {
            return location(place.symbol, place.file, place.line > 0 ? place.line : nil)
        }
        return location(finding.subject, nil, nil)
    }

    private static func location(
        _ name: String?, _ file: String?, _ line: Int?, text: String? = nil
    ) -> JSONValue {
        var members: [(String, JSONValue)] = []
        if let file {
            var physical: [(String, JSONValue)] = [("artifactLocation", .object([("uri", .string(uri(file)))]))]
            if let line, line > 0 { physical.append(("region", .object([("startLine", .number(UInt64(line)))]))) }
            members.append(("physicalLocation", .object(physical)))
        }
        if let name { members.append(("logicalLocations", .array([.object([("fullyQualifiedName", .string(name))])]))) }
        if let text { members.append(("message", self.text(text))) }
        return .object(members)
    }

    private static func text(_ text: String) -> JSONValue { .object([("text", .string(text))]) }

    /// A path as a reference: what a URI does not allow is escaped.
    private static func uri(_ path: String) -> String {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
        var result = ""
        for byte in path.utf8 {
            if allowed.contains(byte) {
                result.append(Character(UnicodeScalar(byte)))
            } else {
                result += "%" + Format.padded(UInt64(byte), digits: 2).uppercased()
            }
        }
        return path.hasPrefix("/") ? "file://" + result : result
    }
}
